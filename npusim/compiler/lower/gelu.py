"""How the machine computes Gelu: see npusim/operators/gelu.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
