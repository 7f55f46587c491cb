"""sum: every byte equal to LiteRT's three sets of kernels, floats to a few last places."""

from __future__ import annotations

from .litert_cases import BUILT_IN, BYTES, KERNELS, Draw, compare, random_layers, reduction


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    dtype = draw.pick(BYTES)
    # LiteRT 2.3.0's reference kernel leaves what it finds in an int8 output's memory
    kernels = BUILT_IN if dtype == "int8" else tuple(KERNELS)
    compare(reduction(draw, "SUM", dtype, same_scales=draw.flag()), kernels=kernels)


@random_layers
def test_plain_numbers_equal_litert(draw: Draw) -> None:
    dtype = draw.pick(["int32", "int64", "float32"])
    compare(reduction(draw, "SUM", dtype), ulp=8, of_largest=True)
