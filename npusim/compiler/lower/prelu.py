"""How the machine computes PRelu: see npusim/operators/prelu.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

WHEN = "one computed operand, any others bare numbers"

lower = lower_bytes
