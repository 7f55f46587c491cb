"""How the machine computes SpaceToBatch: see npusim/operators/space_to_batch.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
