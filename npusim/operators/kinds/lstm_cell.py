"""Cells of LSTMs: which of a .tflite file's inputs each input is, whatever its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.graph.attributes import need_rank
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteLayer

GATES = ("input", "forget", "cell", "output")
X, W, R, PEEPHOLES, BIASES = 0, 1, 5, 9, 12
PROJECTION, H, C, NORMS, PLACES = 16, 18, 19, 20, 24
"""Places in the file: x, the gates' weights, recurrent weights, peepholes (no cell's), biases."""
TANH = 4
"""Number of the activation in the schema."""


@dataclass(frozen=True)
class LstmCell(Operator):
    """x [N T K] or [T N K], weights ..., h [N O], c [N U] -> y, h', c'.

    Attributes
    ----------
    places
        Which of the file's inputs each input is; absent ones are left out.
    time_major
        Whether x and y are [T N ...].
    """

    places: tuple[int, ...]
    time_major: bool

    @property
    def arity(self) -> tuple[int, int]:
        return len(self.places), len(self.places)

    def part(self, inputs: Sequence[Tensor], index: int) -> Tensor | None:
        """Return the input at a place of the file, None where it is absent."""
        return inputs[self.places.index(index)] if index in self.places else None

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        shapes = dict(zip(self.places, inputs, strict=True))
        need_rank(shapes[X], 3, "an input")
        (units, features), (rows, outputs) = shapes[W + 1], shapes[R + 1]
        samples = shapes[X][1 if self.time_major else 0]
        if shapes[X][2] != features or rows != units:
            raise ShapeError(
                f"weights {list(shapes[W + 1])} and recurrent weights {list(shapes[R + 1])} "
                f"do not fit input {list(shapes[X])}"
            )
        for place, width in ((H, outputs), (C, units)):
            if prod(shapes[place]) != samples * width:
                raise ShapeError(f"expected a state of {samples * width}, found {shapes[place]}")
        return (*shapes[X][:2], outputs), shapes[H], shapes[C]

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return not self.time_major


def peephole_place(gate: int) -> int:
    """Return the place of a gate's peephole weights, -1 for the cell gate, which has none."""
    return -1 if GATES[gate] == "cell" else PEEPHOLES + (0, 1, 0, 2)[gate]


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a weight and time step."""
    assert isinstance(node.operator, LstmCell)
    inputs = network.inputs_of(node)
    weights = [
        prod(tensor.shape)
        for place, tensor in zip(node.operator.places, inputs, strict=True)
        if W <= place < BIASES
    ]
    return prod(inputs[0].shape[:2]) * sum(weights)


def read_places(layer: TfliteLayer) -> tuple[int, ...]:
    """Return the places that a file's LSTM fills, of those that are supported."""
    name = layer.record.name
    places = tuple(i for i, tensor in enumerate(layer.inputs) if tensor is not None)
    refused = {
        "a projection": PROJECTION in places,
        "layer normalization": max(places) >= NORMS,
        "an activation other than tanh": layer.option("FusedActivationFunction") != TANH,
    }
    what = " and ".join(part for part, present in refused.items() if present)
    if what:
        raise UnsupportedError(f"{name}: an LSTM with {what} is not supported")
    needed = {X, *(W + i for i in (1, 2, 3)), *(R + i for i in (1, 2, 3)), H, C}
    if not needed <= set(places) or len(layer.outputs) != 3:
        missing = sorted(needed - set(places))
        raise FormatError(f"{name}: expected its weights and variable states, missing {missing}")
    return places
