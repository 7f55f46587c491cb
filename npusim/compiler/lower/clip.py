"""How the machine computes Clip: see npusim/operators/clip.py."""

from npusim.compiler.lower.kinds.table import lower_table

WHEN = "one computed operand, any others bare numbers"

lower = lower_table
