"""Variables of a .tflite file in functional form: what is read, and what takes its place.

Resource variables (VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, and CALL_ONCE, whose subgraph gives
them their first values) and variable tensors, which SVDF and LSTM change in place, both become
`State`s of the network: the operators on variables vanish, and an operator that changes a tensor
gets one more output, `<tensor>.next`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.tflite.calls import copy_of
from npusim.formats.tflite.records import GraphRecord, OperatorRecord, TensorRecord
from npusim.graph.state import State
from npusim.operators.forms.tflite import check_size, constant_data

Variable = tuple[bytes, bytes]
"""Container and shared name of a resource variable."""

Evaluated = Callable[[GraphRecord], Sequence[TensorRecord]]
"""A subgraph -> its tensors, those with values that follow from constants alone."""

ON_VARIABLES = ("VAR_HANDLE", "ASSIGN_VARIABLE", "READ_VARIABLE")


@dataclass
class _Found:
    """What is known at one place of the walk: tensors by index."""

    tensors: list[TensorRecord]
    operators: list[OperatorRecord] = field(default_factory=list)
    handles: dict[int, Variable] = field(default_factory=dict)
    initial: dict[Variable, TensorRecord] = field(default_factory=dict)
    first: dict[Variable | int, int] = field(default_factory=dict)
    """Of each variable that is read before it is written: the tensor that holds its old value."""
    present: dict[Variable | int, int] = field(default_factory=dict)
    """The tensor that holds each variable's value now."""


def functional(
    graph: GraphRecord, graphs: Sequence[GraphRecord], evaluated: Evaluated
) -> tuple[GraphRecord, tuple[State, ...]]:
    """Return `graph` without operators on variables, and its state.

    `evaluated` computes what first values are made of.

    Raises
    ------
    FormatError
        An operator on a variable lacks its handle or its value.
    UnsupportedError
        A variable is read that nothing gave a value, or its first value is not known.
    """
    found = _Found(list(graph.tensors))
    for operator in graph.operators:
        if operator.kind == "CALL_ONCE":
            _first_values(operator, graphs, found, evaluated)
        elif operator.kind == "VAR_HANDLE":
            _name_handle(operator, found.handles)
        elif operator.kind == "READ_VARIABLE":
            _read(operator, found)
        elif operator.kind == "ASSIGN_VARIABLE":
            variable = _variable(operator, found.handles)
            found.present[variable] = _index(operator, operator.inputs, 1)
        else:
            found.operators.append(_with_updates(operator, found))
    states = tuple(
        State(
            found.tensors[index].name,
            found.tensors[found.present[variable]].name,
            _initial(found, variable, found.tensors[index]),
        )
        for variable, index in found.first.items()
    )
    new = replace(graph, tensors=tuple(found.tensors), operators=tuple(found.operators))
    return new, states


def _index(operator: OperatorRecord, indices: tuple[int, ...], position: int) -> int:
    if position >= len(indices) or indices[position] < 0:
        raise FormatError(f"{operator.name}: expected a tensor at place {position}, found none")
    return indices[position]


def _name_handle(operator: OperatorRecord, handles: dict[int, Variable]) -> None:
    options = operator.options or {}
    handle = _index(operator, operator.outputs, 0)
    handles[handle] = (options.get("Container") or b"", options.get("SharedName") or b"")


def _variable(operator: OperatorRecord, handles: dict[int, Variable]) -> Variable:
    handle = _index(operator, operator.inputs, 0)
    if handle not in handles:
        raise FormatError(f"{operator.name}: tensor {handle} is no handle of a variable")
    return handles[handle]


def _first_values(
    operator: OperatorRecord, graphs: Sequence[GraphRecord], found: _Found, evaluated: Evaluated
) -> None:
    """Take the constants that the subgraph of CALL_ONCE assigns."""
    number = (operator.options or {}).get("InitSubgraphIndex", -1)
    if not 0 <= number < len(graphs):
        raise FormatError(f"{operator.name}: subgraph {number} of {len(graphs)}")
    graph, handles = graphs[number], dict[int, Variable]()
    on_values = [inner for inner in graph.operators if inner.kind not in ON_VARIABLES]
    tensors = evaluated(replace(graph, operators=tuple(on_values)))
    for inner in graph.operators:
        if inner.kind == "VAR_HANDLE":
            _name_handle(inner, handles)
        elif inner.kind == "ASSIGN_VARIABLE":
            value = tensors[_index(inner, inner.inputs, 1)]
            if value.data is None:
                raise UnsupportedError(
                    f"{operator.name}: expected constants in {value.name}, a first value, "
                    "found values computed from others"
                )
            found.initial[_variable(inner, handles)] = value


def _read(operator: OperatorRecord, found: _Found) -> None:
    variable, target = _variable(operator, found.handles), _index(operator, operator.outputs, 0)
    if variable in found.present:
        source = found.present[variable]
        found.operators.append(copy_of(operator.name, source, target, found.tensors))
        return
    found.first[variable] = found.present[variable] = target


def _with_updates(operator: OperatorRecord, found: _Found) -> OperatorRecord:
    """Return an operator that changes variable tensors as one that gives their new values."""
    inputs, outputs = list(operator.inputs), list(operator.outputs)
    for position, index in enumerate(operator.inputs):
        if index < 0 or not found.tensors[index].is_variable:
            continue
        inputs[position] = found.present.get(index, index)
        found.first.setdefault(index, index)
        found.present[index] = len(found.tensors)
        outputs.append(len(found.tensors))
        old = found.tensors[inputs[position]]
        found.tensors.append(replace(old, name=f"{old.name}.next", is_variable=False))
    return replace(operator, inputs=tuple(inputs), outputs=tuple(outputs))


def _initial(found: _Found, variable: Variable | int, value: TensorRecord) -> NDArray:
    check_size(value)
    if isinstance(variable, int):  # LiteRT resets variable tensors to what stands for 0
        zero = value.zero_point[0] if len(value.zero_point) else 0
        return np.full(value.shape, zero, value.dtype)
    if variable not in found.initial:
        name = variable[1].decode("ascii", "replace")
        raise UnsupportedError(f"variable {name!r} is read, and nothing gives it a first value")
    return constant_data(found.initial[variable])
