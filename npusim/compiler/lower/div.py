"""How the machine computes Div: see npusim/operators/div.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
