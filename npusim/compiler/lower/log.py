"""How the machine computes Log: see npusim/operators/log.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

WHEN = "one computed operand, any others bare numbers"

lower = lower_bytes
