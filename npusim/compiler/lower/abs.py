"""How the machine computes Abs: see npusim/operators/abs.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
