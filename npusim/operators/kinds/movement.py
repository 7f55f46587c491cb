"""Movement of data: every output element is one of the input's, as it is, or a constant.

Where a map of places describes it, one function on arrays states shape, meaning and map: `moved`
carries any array to its new places and fills the places that get none. Run on the numbers 0, 1, 2
... it tells the map, which one kernel follows for every type of data.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.attributes import MAX_PADDED_ELEMENTS
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels.gather import gather
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.own import OwnForm
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step
from npusim.words import Unit


@dataclass(frozen=True)
class Movement(Operator):
    """One input whose elements go to other places."""

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    @property
    def copies_values(self) -> bool:
        return True


@dataclass(frozen=True)
class Rearrangement(Movement):
    """One input whose elements go to the places that `moved` says, on arrays of any type."""

    @abstractmethod
    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return the elements of `x` in their places; a place that gets none has `fill`.

        Raises ValueError or IndexError where the shape of `x` does not fit.
        """

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        try:
            return (self.moved(np.broadcast_to(np.int8(0), x), np.int8(0)).shape,)
        except (ValueError, IndexError) as error:
            raise ShapeError(f"{self} does not fit input {list(x)}: {error}") from None


def rearrangement_page(
    operator: type[Rearrangement],
    tflite: tuple[TfliteForm, ...],
    onnx: tuple[OnnxForm, ...] = (),
    own: tuple[OwnForm, ...] | Absent = NO_OWN_FORM,
    unit: Unit = "data movement",
) -> Page:
    """Return the page of an operator of this kind."""
    return any_type_page(
        operator,
        tflite,
        lambda operator, x: operator.moved(x, 0),
        rearrangement_step,
        onnx=onnx,
        own=own,
        unit=unit,
    )


def rearrangement_step(network: Network, node: Node) -> Step:
    """Return the step that moves x's elements, of whatever type, to their places in y."""
    operator: Any = node.operator
    x, y = network.inputs_of(node)[0], network.output_of(node)
    return gather_step(
        x, y, operator.moved, operator.for_batch(1).moved, keeps_apart(network, node)
    )


def keeps_apart(network: Network, node: Node) -> bool:
    """Return whether each sample of the outputs is made of the same sample of the first input."""
    inputs, outputs = network.inputs_of(node), network.outputs_of(node)
    extents = {tensor.shape[:1] for tensor in (inputs[0], *outputs)}
    return (
        len(extents) == 1 and extents != {()} and node.operator.keeps_samples_apart(inputs, outputs)
    )


def gather_step(
    x: Tensor,
    y: Tensor,
    moved: Callable[[NDArray, Any], NDArray],
    moved_sample: Callable[[NDArray, Any], NDArray],
    apart: bool,
) -> Step:
    """Return the step x -> y of a map that `moved` draws, or `moved_sample` for each sample."""
    shape = (1, *x.shape[1:]) if apart else x.shape
    sample = prod(shape)
    places = np.arange(sample, dtype=np.int32).reshape(shape)
    index = np.ascontiguousarray((moved_sample if apart else moved)(places, np.int32(-1))).ravel()
    fill = y.dtype.type(zero_of(y))
    inner = y.shape[1:]

    def step(threads: int, x: NDArray) -> NDArray:
        out = np.empty((len(x), *inner) if apart else y.shape, y.dtype)
        gather(np.ascontiguousarray(x).reshape(-1), index, sample, fill, out.reshape(-1))
        return out

    return step


def zero_of(tensor: Tensor) -> int:
    """Return the integer that stands for 0: the zero point of a quantized tensor."""
    q = tensor.quantization
    return 0 if tensor.is_float or q is None or q.axis is not None else int(q.zero_point)


def need_size(shape: Shape) -> Shape:
    """Return `shape`; raise ShapeError where a damaged file asks for more than can be held."""
    if prod(shape) > MAX_PADDED_ELEMENTS:
        raise ShapeError(f"output {list(shape)} has more than {MAX_PADDED_ELEMENTS} elements")
    return shape
