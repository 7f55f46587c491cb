"""How the machine computes StridedSlice: see npusim/operators/strided_slice.py."""

from npusim.compiler.lower.kinds.rearranged import lower_rearrangement

lower = lower_rearrangement
