"""How the machine computes Gather: see npusim/operators/gather.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

WHEN = "places known beforehand; the host where it is quicker"

lower = lower_rearrangement
