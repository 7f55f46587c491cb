"""How the machine computes Minimum: see npusim/operators/minimum.py."""

from functools import partial

from npusim.compiler.lower.kinds.extreme import lower_extreme

lower = partial(lower_extreme, "min")
