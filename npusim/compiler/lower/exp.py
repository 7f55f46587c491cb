"""How the machine computes Exp: see npusim/operators/exp.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
