"""Layers of weights: what convolutions and matrix products by constants ask of their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from npusim.errors import ShapeError, UnsupportedError
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.graph.weights import EncodedWeights


def need_bias(inputs: Sequence[Shape], channels: int) -> None:
    """Raise ShapeError where there is a third input that is no bias of `channels` values."""
    if len(inputs) > 2 and prod(inputs[2]) != channels:
        raise ShapeError(f"expected a bias of {channels} values, found shape {list(inputs[2])}")


def check_weight_types(inputs: Sequence[Tensor], encoding: EncodedWeights | None) -> None:
    """Raise UnsupportedError where x and the weights are not both integer or both float."""
    x = inputs[0]
    if encoding is not None:
        if x.is_float:
            raise UnsupportedError("coded weights need an integer input")
    elif x.is_float != inputs[1].is_float:
        raise UnsupportedError(
            f"input {x.name} is {x.dtype} and weights {inputs[1].name} "
            f"are {inputs[1].dtype} (a hybrid layer): expected both integer or both float"
        )
