"""How the machine computes MirrorPad: see npusim/operators/mirror_pad.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
