"""How the machine computes HardSwish: see npusim/operators/hard_swish.py."""

from npusim.compiler.lower.kinds.table import lower_table

WHEN = "one computed operand, any others bare numbers"

lower = lower_table
