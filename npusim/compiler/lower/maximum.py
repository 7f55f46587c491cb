"""How the machine computes Maximum: see npusim/operators/maximum.py."""

from functools import partial

from npusim.compiler.lower.kinds.extreme import lower_extreme

lower = partial(lower_extreme, "max")
