"""How the machine computes Unpack: see npusim/operators/unpack.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
