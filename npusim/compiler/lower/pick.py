"""How the machine computes Pick: see npusim/operators/pick.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
