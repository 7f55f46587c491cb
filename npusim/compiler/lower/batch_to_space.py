"""How the machine computes BatchToSpace: see npusim/operators/batch_to_space.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

WHEN = "places known beforehand; the host where it is quicker"

lower = lower_rearrangement
