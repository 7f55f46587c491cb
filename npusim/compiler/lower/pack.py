"""How the machine computes Pack: see npusim/operators/pack.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
