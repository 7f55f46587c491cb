"""How the machine computes Sqrt: see npusim/operators/sqrt.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

WHEN = "one computed operand, any others bare numbers"

lower = lower_bytes
