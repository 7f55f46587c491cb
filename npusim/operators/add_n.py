"""add_n: the sum of any number of tensors of one shape, of numbers that are worth themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import ALL_INPUTS, TfliteForm
from npusim.operators.kinds.binary import broadcasts_within_samples
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step, no_macs


@dataclass(frozen=True)
class AddN(Operator):
    """x1 + x2 + ..., added in this order."""

    @property
    def arity(self) -> tuple[int, int]:
        return 1, ALL_INPUTS

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        if len(set(inputs)) != 1:
            raise ShapeError(f"expected inputs of one shape, found {', '.join(map(str, inputs))}")
        return (inputs[0],)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return broadcasts_within_samples(inputs, outputs[0])


def real(operator: AddN, x: NDArray, *others: NDArray) -> NDArray:
    """Return the sum in the type of x; integers wrap."""
    for other in others:
        x = x + other
    return x


def plain(network: Network, node: Node) -> Step:
    """Return the step on integers."""
    operator: Any = node.operator
    return lambda threads, *x: real(operator, *x)


PAGE = Page(
    operator=AddN,
    tflite=(TfliteForm("ADD_N", ALL_INPUTS, lambda layer: AddN()),),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=Absent("takes no quantized integers"),
    quantized=Absent("takes no quantized integers"),
    float32=elementwise(real),
    plain=plain,
    macs=no_macs,
    unit="host",
)
