"""How the machine computes BroadcastTo: see npusim/operators/broadcast_to.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
