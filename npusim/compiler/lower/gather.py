"""How the machine computes Gather: see npusim/operators/gather.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
