"""How the machine computes Reverse: see npusim/operators/reverse.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
