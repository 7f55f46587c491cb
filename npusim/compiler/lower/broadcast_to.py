"""How the machine computes BroadcastTo: see npusim/operators/broadcast_to.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

WHEN = "places known beforehand; the host where it is quicker"

lower = lower_rearrangement
