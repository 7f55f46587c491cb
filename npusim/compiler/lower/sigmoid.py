"""How the machine computes Sigmoid: see npusim/operators/sigmoid.py."""

from npusim.compiler.lower.kinds.table import lower_table

WHEN = "one computed operand, any others bare numbers"

lower = lower_table
