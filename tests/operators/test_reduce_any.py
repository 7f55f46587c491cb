"""reduce_any: every truth value equal to LiteRT's, of one and of all."""

from __future__ import annotations

from .litert_cases import BUILT_IN, KERNELS, Draw, compare, random_layers, reduction


@random_layers
def test_equals_litert(draw: Draw) -> None:
    kind = draw.pick(["REDUCE_ANY", "REDUCE_ALL"])
    kernels = tuple(KERNELS) if kind == "REDUCE_ANY" else BUILT_IN
    compare(reduction(draw, kind, "bool"), kernels=kernels)
