"""Layers of CONV_3D and of its transposed form, beside LiteRT's kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from npusim.errors import ShapeError
from tests.simulator.tflite_builder import Value, options

from .litert_cases import BUILT_IN, Draw, Layer, build, compare, network, random_layers

Test = Callable[[], None]


def drawn_options(
    draw: Draw, same: bool, stride: Sequence[int], dilation: Sequence[int] = (1, 1, 1)
) -> Any:
    """Return the layer's options, its activation drawn; `stride`: by depth, height and width."""
    return options(
        "Conv3DOptions", padding=0 if same else 1, strideD=stride[0], strideH=stride[1],
        strideW=stride[2], dilationDFactor=dilation[0], dilationHFactor=dilation[1],
        dilationWFactor=dilation[2], fusedActivationFunction=draw.pick([0, 1, 3]),
    )  # fmt: skip


def equals_litert(layer: Callable[[Draw], Layer]) -> Test:
    """Return the test of every bit of the reference kernel, the others' to the last places."""

    @random_layers
    def test(draw: Draw) -> None:
        case = layer(draw)
        compare(case, kernels=("ref",))
        compare(case, ulp=16, of_largest=True, kernels=BUILT_IN)

    return test


def channels_have_to_fit(layer: Callable[[Draw], Layer], place: int) -> Test:
    """Return the test that input `place`, of a channel more than the weights, is refused."""

    def test() -> None:
        case = layer(Draw(0))
        x = case.inputs[place]
        assert x is not None
        case.inputs[place] = Value((*x.shape[:-1], x.shape[-1] + 1), "float32")
        with pytest.raises(ShapeError, match="do not fit input"):
            network(build(case))

    return test
