"""How the machine computes Elu: see npusim/operators/elu.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
