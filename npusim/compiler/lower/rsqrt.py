"""How the machine computes Rsqrt: see npusim/operators/rsqrt.py."""

from npusim.compiler.lower.kinds.elements import lower_bytes

lower = lower_bytes
