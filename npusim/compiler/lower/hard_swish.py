"""How the machine computes HardSwish: see npusim/operators/hard_swish.py."""

from npusim.compiler.lower.kinds.table import lower_table

lower = lower_table
