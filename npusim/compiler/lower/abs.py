"""How the machine computes Abs: see npusim/operators/abs.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

WHEN = "one computed operand, any others bare numbers"

lower = lower_bytes
