"""How the machine computes Tanh: see npusim/operators/tanh.py."""

from npusim.compiler.lower.kinds.table import lower_table

lower = lower_table
