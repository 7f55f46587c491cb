"""How the machine computes SquaredDifference: see npusim/operators/squared_difference.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

WHEN = "one computed operand, any others bare numbers"

lower = lower_bytes
