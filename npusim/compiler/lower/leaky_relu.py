"""How the machine computes LeakyRelu: see npusim/operators/leaky_relu.py."""

from npusim.compiler.lower.kinds.table import lower_table

lower = lower_table
