"""How the machine computes Neg: see npusim/operators/neg.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
