"""How the machine computes Log: see npusim/operators/log.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
