"""How the machine computes SpaceToDepth: see npusim/operators/space_to_depth.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
