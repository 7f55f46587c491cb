"""How the machine computes DepthToSpace: see npusim/operators/depth_to_space.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
