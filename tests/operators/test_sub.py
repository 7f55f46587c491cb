"""sub: every byte equal to LiteRT's three sets of kernels, all types and activations."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import BYTES, Draw, binary, compare, random_layers


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    chosen = options("SubOptions", fusedActivationFunction=draw.pick([0, 0, 1, 2, 3]))
    compare(binary(draw, "SUB", BYTES, chosen, least=-9, most=5))


@random_layers
def test_plain_numbers_equal_litert(draw: Draw) -> None:
    dtype = draw.pick(["int32", "int64", "float32"])
    chosen = options("SubOptions", fusedActivationFunction=0)
    compare(binary(draw, "SUB", [dtype], chosen))
