"""Operators that run whole networks of their own: the branches of an IF, the body of a WHILE."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.page import NO_OWN_FORM, Absent, Page, no_macs

Values = tuple[NDArray, ...]
Run = Callable[[int, Sequence[NDArray]], Values]
"""(threads, values of the inputs) -> values of the outputs, of one network."""

BY_STEPS = Absent("runs networks of its own")


class Caller(Operator):
    """An operator of one or more networks, `called`, which operators/steps.py makes runs of."""

    @property
    @abstractmethod
    def called(self) -> tuple[Network, ...]:
        """The networks, which are run under the caller's rule."""

    @abstractmethod
    def outcome(self, runs: Sequence[Run], threads: int, values: Values) -> Values:
        """Return the outputs, by runs of the networks called."""

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def input_tensors(network: Network) -> list[Tensor]:
    """Return what a called network takes."""
    return [network.tensors[name] for name in network.inputs]


def output_tensors(network: Network) -> list[Tensor]:
    """Return what a called network gives."""
    return [network.tensors[name] for name in network.outputs]


def need_alike(what: str, given: Sequence[Tensor], taken: Sequence[Tensor]) -> None:
    """Raise UnsupportedError unless tensors are of the types and shapes that a network takes."""
    found, expected = (
        [f"{x.dtype} {list(shown_shape(x))}" for x in side] for side in (given, taken)
    )
    if found != expected:
        raise UnsupportedError(
            f"expected {what} of {', '.join(expected)}, found {', '.join(found)}"
        )


def shown_shape(tensor: Tensor) -> Shape:
    """Return a tensor's shape with the axes in the file's order."""
    order = tensor.file_order or range(len(tensor.shape))
    return tuple(tensor.shape[axis] for axis in order)


def caller_page(operator: type[Caller]) -> Page:
    """Return the page of an operator whose networks have pages for all there is to compute."""
    return Page(
        operator=operator,
        tflite=(),
        onnx=(),
        own=NO_OWN_FORM,
        real=BY_STEPS,
        constants=BY_STEPS,
        quantized=BY_STEPS,
        float32=BY_STEPS,
        plain=BY_STEPS,
        macs=no_macs,
        unit="host",
    )
