"""How the machine computes Sigmoid: see npusim/operators/sigmoid.py."""

from npusim.compiler.lower.kinds.table import lower_table

lower = lower_table
