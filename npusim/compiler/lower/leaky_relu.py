"""How the machine computes LeakyRelu: see npusim/operators/leaky_relu.py."""

from npusim.compiler.lower.kinds.table import lower_table

WHEN = "one computed operand, any others bare numbers"

lower = lower_table
