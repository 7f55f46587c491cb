"""How the machine computes Clip: see npusim/operators/clip.py."""

from npusim.compiler.lower.kinds.table import lower_table

lower = lower_table
