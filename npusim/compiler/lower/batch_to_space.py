"""How the machine computes BatchToSpace: see npusim/operators/batch_to_space.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
