"""How the machine computes Sqrt: see npusim/operators/sqrt.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
