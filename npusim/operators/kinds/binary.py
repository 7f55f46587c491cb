"""Functions of two values at a time, shapes broadcast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp, fused
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.page import Step


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape that all of `shapes` broadcast to; raise ShapeError where there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " with ".join(str(list(shape)) for shape in shapes)
        raise ShapeError(f"cannot broadcast {listed}") from None


def broadcasts_within_samples(inputs: Sequence[Tensor], output: Tensor) -> bool:
    """Return whether no input is spread over the batch but constants that have one sample."""
    return all(
        len(x.shape) == len(output.shape)
        if not x.is_constant
        else len(x.shape) < len(output.shape) or x.shape[0] == 1
        for x in inputs
    )


@dataclass(frozen=True)
class Binary(Operator):
    """f(a, b), element by element."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (broadcast(*inputs),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return broadcasts_within_samples(inputs, outputs[0])


def plain_integers(
    function: Callable[[NDArray, NDArray], NDArray],
) -> Callable[[Network, Node], Step]:
    """Return a page's plain part from a numpy function; integers wrap as the runtimes' do.

    A fused activation bounds what comes out.
    """

    def part(network: Network, node: Node) -> Step:
        dtype = network.output_of(node).dtype
        activation: Clamp | None = getattr(node.operator, "activation", None)
        return lambda threads, a, b: fused(
            activation, np.asarray(function(a, b)).astype(dtype, copy=False)
        )

    return part


def division_step(real: Callable[..., NDArray]) -> Callable[[Network, Node], Step]:
    """Return the step of a division of numbers of any type, `real`.

    An integer divided by 0 raises RangeError.
    """

    def step(network: Network, node: Node) -> Step:
        def divide(threads: int, a: NDArray, b: NDArray) -> NDArray:
            if b.dtype.kind != "f" and not b.all():
                raise RangeError(f"{node.name}: division by 0")
            return real(node.operator, a, b)

        return divide

    return step


def of_any_number(make: Callable[[], Operator]) -> Callable[[Builder, OnnxNode], None]:
    """Return the reader of an ONNX operator on any number of values, computed two at a time."""

    def read(b: Builder, node: OnnxNode) -> None:
        values = [b.value(node, index) for index in range(len(node.inputs))]
        if len(values) == 1:
            return b.emit_identity(node)
        result = values[0]
        for index, value in enumerate(values[1:], start=1):
            last = index == len(values) - 1
            output = node.outputs[0] if last else b.free(f"{node.outputs[0]}:{index}")
            name = node.name if last else f"{node.name}:{index}"
            result = b.emit(name, make(), (result, value), output)
        return None

    return read
