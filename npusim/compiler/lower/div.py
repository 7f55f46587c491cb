"""How the machine computes Div: see npusim/operators/div.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

WHEN = "one computed operand, any others bare numbers"

lower = lower_bytes
