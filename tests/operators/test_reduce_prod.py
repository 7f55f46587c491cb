"""reduce_prod: every byte equal to LiteRT's three sets of kernels, floats to a few last places."""

from __future__ import annotations

from .litert_cases import Draw, compare, random_layers, reduction


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    compare(reduction(draw, "REDUCE_PROD", "int8"))


@random_layers
def test_plain_numbers_equal_litert(draw: Draw) -> None:
    dtype = draw.pick(["int32", "int64", "float32"])
    compare(reduction(draw, "REDUCE_PROD", dtype), ulp=8)
