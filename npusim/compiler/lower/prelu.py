"""How the machine computes PRelu: see npusim/operators/prelu.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
