"""Recurrent layers over sequences [T N K]: directions, gates' weights, and how .onnx states them.

y, h = one direction's steps; outputs are y [T D N H] and the last h (and c) [D N H].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels.in_order import convolve
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import Attributes, Call, Field, OwnForm, integer
from npusim.operators.forms.own_float import is_island, island_form
from npusim.operators.kinds.any_type import one_or_all
from npusim.operators.page import Step
from npusim.runtimes.rule import arithmetic_of
from npusim.words import Rule

X, W, R, B, LENGTHS, H, C, PEEPHOLES = range(8)
"""Places in the file: input, weights, recurrent weights, biases, and states at the beginning."""

Product = Callable[..., NDArray]
"""(a [M K], b [K N], start [M N] or None) -> start + a b."""

Direction = Callable[[Product, dict[int, NDArray]], tuple[NDArray, ...]]
"""One direction's inputs by place -> y [T N H], and the last states [N H]."""


Outputs = NDArray | tuple[NDArray, ...]


@dataclass(frozen=True)
class Recurrent(Operator):
    """x [T N K], weights [D G*H K] and [D G*H H] ..., in the order of `places`.

    Attributes
    ----------
    hidden
        H.
    backwards
        For each direction whether it runs from the end.
    places
        Which of the file's inputs each input is; absent ones are left out.
    gives
        Which outputs it has, of the hidden states of all steps and the last states, in order.
    """

    hidden: int
    backwards: tuple[bool, ...]
    places: tuple[int, ...]
    gives: tuple[int, ...]
    lengths: tuple[int, ...] = field(default=(), kw_only=True)
    """Steps of each sample where they differ: behind them y is 0, backwards begins at the last."""

    GATES = 1
    STATES = 1
    TAKES_LENGTHS = True

    @property
    def arity(self) -> tuple[int, int]:
        return len(self.places), len(self.places)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        found = dict(zip(self.places, inputs, strict=True))
        directions, rows = len(self.backwards), self.GATES * self.hidden
        x = found[X]
        if len(x) != 3:
            raise ShapeError(f"expected a sequence [T N K], found {list(x)}")
        state = (directions, x[1], self.hidden)
        expected = self.weight_shapes(x[2]) | {
            B: (directions, 2 * rows), H: state, C: state, PEEPHOLES: (directions, 3 * self.hidden),
        }  # fmt: skip
        for place, shape in found.items():
            if place in expected and shape != expected[place]:
                raise ShapeError(
                    f"input {place}: expected {list(expected[place])}, found {list(shape)}"
                )
        every = ((x[0], directions, x[1], self.hidden), *[state] * self.STATES)
        return tuple(every[place] for place in self.gives)

    def weight_shapes(self, inner: int) -> dict[int, Shape]:
        """Return the shapes of the weights where x has `inner` values a step."""
        directions, rows = len(self.backwards), self.GATES * self.hidden
        return {W: (directions, rows, inner), R: (directions, rows, self.hidden)}

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def in_all_directions(
    operator: Recurrent, inputs: Sequence[NDArray], multiply: Product, one: Direction
) -> NDArray | tuple[NDArray, ...]:
    """Return what the operator gives of every direction, each computed by `one`."""
    found = dict(zip(operator.places, inputs, strict=True))
    if operator.lengths:
        every = _by_lengths(operator, found, multiply, one)
        return one_or_all(tuple(every[place] for place in operator.gives))
    x = found.pop(X)
    ways = []
    for d, backwards in enumerate(operator.backwards):
        part = {place: value[d] for place, value in found.items() if value.ndim}
        part |= {place: value for place, value in found.items() if not value.ndim}
        y, *states = one(multiply, part | {X: x[::-1] if backwards else x})
        ways.append((y[::-1] if backwards else y, *states))
    y, *states = (np.stack(values) for values in zip(*ways, strict=True))
    every = (np.ascontiguousarray(y.swapaxes(0, 1)), *states)
    return one_or_all(tuple(every[place] for place in operator.gives))


def _by_lengths(
    operator: Recurrent, found: dict[int, NDArray], multiply: Product, one: Direction
) -> tuple[NDArray, ...]:
    """Return every output of samples of several lengths, those of one length at once."""
    steps, samples = found[X].shape[:2]
    directions, hidden = len(operator.backwards), operator.hidden
    y = np.zeros((steps, directions, samples, hidden), found[X].dtype)
    last = [np.zeros((directions, samples, hidden), y.dtype) for _ in range(operator.STATES)]
    alike = replace(operator, lengths=(), gives=tuple(range(operator.STATES + 1)))
    for length in sorted(set(operator.lengths)):
        chosen = np.flatnonzero(np.array(operator.lengths) == length)
        part = {
            place: value[:length, chosen] if place == X
            else value[:, chosen] if place in (H, C) else value
            for place, value in found.items()
        }  # fmt: skip
        out, *states = in_all_directions(alike, [part[p] for p in operator.places], multiply, one)
        y[:length, :, chosen] = out
        for whole, state in zip(last, states, strict=True):
            whole[:, chosen] = state
    return (y, *last)


def state(found: dict[int, NDArray], index: int, hidden: int) -> NDArray:
    """Return a state [N H] at the beginning: zeros where the file gives none."""
    x = found[X]
    return found[index] if index in found else np.zeros((x.shape[1], hidden), x.dtype)


def bias(found: dict[int, NDArray], gates: int, hidden: int) -> NDArray:
    """Return the biases [2 G H] of the weights and of the recurrent weights."""
    return found[B] if B in found else np.zeros(2 * gates * hidden, found[X].dtype)


def applied(multiply: Product, x: NDArray, weights: NDArray) -> NDArray:
    """Return x [T N K] times weights [G*H K] for all steps at once."""
    rows = multiply(x.reshape(-1, x.shape[2]), weights.T, None)
    return rows.reshape(*x.shape[:2], -1)


def product(a: NDArray, b: NDArray, start: NDArray | None) -> NDArray:
    """Return start + a b in their type, summed in one order."""
    y = np.zeros((len(a), b.shape[1]), a.dtype)
    if start is not None:
        y[...] = start
    x, w = (np.ascontiguousarray(v, a.dtype) for v in (a, b))
    convolve(x[:, None, None], w[None, None, None], 1, 1, 1, 1, y[:, None, None])
    return y


def float32_step(
    real: Callable[..., Outputs], single: Callable[..., Outputs]
) -> Callable[[Network, Node, Rule], Step]:
    """Return a page's float32 part: `single` under onnxruntime's rule, else `real`."""

    def part(network: Network, node: Node, rule: Rule) -> Step:
        operator: Any = node.operator
        function = single if arithmetic_of(rule) == "onnxruntime" else real

        def step(threads: int, *inputs: NDArray) -> Outputs:
            with np.errstate(all="ignore"):
                return function(operator, *inputs)

        return step

    return part


def macs(network: Network, node: Node) -> int:
    """Return the products of weights and recurrent weights over all steps."""
    operator: Any = node.operator
    steps, samples, inner = network.inputs_of(node)[operator.places.index(X)].shape
    rows = len(operator.backwards) * operator.GATES * operator.hidden
    return prod((steps, samples, rows, inner + operator.hidden))


def _written_direction(operator: Recurrent, x: Tensor) -> Attributes:
    return {"direction": next(w for w, back in BACKWARDS.items() if back == operator.backwards)}


def _read_direction(call: Call) -> dict[str, Any]:
    return {"backwards": BACKWARDS[str(call.node.attributes["direction"])]}


def own_forms(kind: str, places: tuple[int, ...], *fields: Field) -> tuple[OwnForm, ...]:
    """Return the islands of ONNX's `kind` of all inputs `places`: one for each output."""
    constants = (
        Field(_written_direction, _read_direction), integer("hidden_size", of="hidden"),
        Field(lambda o, x: {}, lambda call: {"places": places}),
    )  # fmt: skip

    def given(index: int) -> OwnForm:
        field = Field(lambda o, x: {}, lambda call: {"gives": (index,)})
        form = island_form(kind + GIVEN[index], *constants, *fields, field, values=len(places))
        return replace(form, suits=lambda network, node: _suits(network, node, index))

    def _suits(network: Network, node: Node, index: int) -> bool:
        operator: Any = node.operator
        rest = network.inputs_of(node)[1:]
        whole = operator.places == places and operator.gives == (index,)
        return whole and is_island(network, node) and all(x.is_constant for x in rest)

    return tuple(given(place) for place in range(2 + (C in places)))


GIVEN = ("", "LastHidden", "LastCell")
"""What the names of the islands end with, by output."""

BACKWARDS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


def common_attributes(
    node: OnnxNode, functions: tuple[str, ...], unused: tuple[str, ...] = ()
) -> tuple[int, tuple[bool, ...]]:
    """Return the hidden size and the directions that a node states.

    Raises
    ------
    UnsupportedError
        Its gates are not `functions`, or it has a form that is not supported.
    """
    where = f"{node.name} ({node.kind})"
    way = str(node.attributes.get("direction", "forward"))
    if way not in BACKWARDS:
        raise FormatError(f"{where}: expected a known direction, found {way!r}")
    named = node.attributes.get("activations", ())
    assert isinstance(named, tuple)
    expected = functions * len(BACKWARDS[way])
    if named and tuple(str(name).lower() for name in named) != expected:
        raise UnsupportedError(f"{where}: activations {', '.join(map(str, named))}")
    for name in ("clip", "layout", *unused):
        if node.attributes.get(name, 0):
            raise UnsupportedError(f"{where}: {name} is not supported")
    return node.integer("hidden_size", 0), BACKWARDS[way]


def emit_recurrent(
    b: Builder,
    node: OnnxNode,
    make: Callable[[tuple[int, ...], tuple[int, ...]], Recurrent],
    places: Sequence[int],
    needed: Sequence[int] = (0, 1, 2),
) -> None:
    """Append the node; `make` takes the places of inputs and outputs that the file has.

    `places` are those that an input may have; at those `needed` there has to be one: the samples
    and both weights.
    """
    for place in needed:
        b.value(node, place)
    present = tuple(place for place in places if node.input(place))
    inputs = tuple(b.value(node, place) for place in present)
    gives = tuple(place for place, name in enumerate(node.outputs) if name)
    operator = make(present, gives)
    steps = b.shape(inputs[0])[0]
    if node.input(LENGTHS):
        lengths = b.constants.get(node.input(LENGTHS))
        taken = lengths is not None and operator.TAKES_LENGTHS
        if lengths is not None and taken and 0 < lengths.min() and lengths.max() <= steps:
            each = tuple(int(n) for n in lengths)
            operator = replace(operator, lengths=each if min(each) < steps else ())
        elif lengths is None or np.any(lengths != steps):
            found = "computed lengths" if lengths is None else lengths.tolist()
            raise UnsupportedError(
                f"{node.name} ({node.kind}): expected sequences of {steps} steps, found {found}"
            )
    outputs = tuple(node.outputs[place] for place in gives)
    b.emit_all(node.name, operator, inputs, outputs, (np.dtype(np.float32),) * len(outputs))
