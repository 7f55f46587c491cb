"""How the machine computes Minimum: see npusim/operators/minimum.py."""

from functools import partial

from npusim.compiler.lower.kinds.extreme import lower_extreme

WHEN = (
    "bare numbers, or two operands of one type that are as large as the output, one pixel or "
    "one channel of it, where integers give the runtime's outputs"
)

lower = partial(lower_extreme, "min")
