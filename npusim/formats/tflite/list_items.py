"""Lists of tensors in loops: setting an item, which converters write by slices of computed length.

A step of a recurrent layer keeps its output with y = concat(x[:i], item, x[i + 1:]). Both slices
have shapes that depend on i; y has x's. It is DYNAMIC_UPDATE_SLICE of x by the item at i.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from npusim.formats.tflite.records import GraphRecord, OperatorRecord, TensorRecord

CONCATENATION, SLICE = "CONCATENATION", "SLICE"


@dataclass(frozen=True)
class _Item:
    """One setting: the list, its new item, the item's place, and the slices that vanish."""

    of: int
    item: int
    place: int
    zeros: int
    """A constant vector: the rest of the item's place."""
    slices: tuple[OperatorRecord, OperatorRecord]


def with_items_set(graph: GraphRecord) -> GraphRecord:
    """Return the graph with DYNAMIC_UPDATE_SLICE where a list's item is set."""
    producers = {index: operator for operator in graph.operators for index in operator.outputs}
    found = {
        operator.name: item
        for operator in graph.operators
        if (item := _item_of(operator, producers, graph.tensors)) is not None
    }
    if not found:
        return graph
    inside = {each.name for item in found.values() for each in item.slices}
    read = {
        index
        for operator in graph.operators
        if operator.name not in found
        for index in operator.inputs
    } | {*graph.outputs}
    gone = {name for name in inside if not read & {*_named(graph, name).outputs}}
    tensors, operators = list(graph.tensors), list[OperatorRecord]()
    for operator in graph.operators:
        if operator.name in found:
            operators += _set(operator, found[operator.name], tensors)
        elif operator.name not in gone:
            operators.append(operator)
    return replace(graph, tensors=tuple(tensors), operators=tuple(operators))


def _named(graph: GraphRecord, name: str) -> OperatorRecord:
    return next(operator for operator in graph.operators if operator.name == name)


def _item_of(
    operator: OperatorRecord,
    producers: Mapping[int, OperatorRecord],
    tensors: tuple[TensorRecord, ...],
) -> _Item | None:
    options = operator.options or {}
    is_joint = operator.kind == CONCATENATION and len(operator.inputs) == 3
    if not is_joint or options.get("Axis") != 0 or options.get("FusedActivationFunction"):
        return None
    first, item, last = operator.inputs
    before, behind = producers.get(first), producers.get(last)
    if before is None or behind is None or {before.kind, behind.kind} != {SLICE}:
        return None
    (of, start, sizes), (again, next_place, rest) = before.inputs, behind.inputs
    shape = tensors[of].shape
    if of != again or tensors[item].shape != (1, *shape[1:]):
        return None
    begins_at_0 = _constant(tensors[start]) == (0,) * len(shape)
    takes_rest = _constant(tensors[rest]) == (-1,) * len(shape)
    length, follows = (_index_of(vector, producers, tensors) for vector in (sizes, next_place))
    if not begins_at_0 or not takes_rest or length is None or follows is None:
        return None
    place, whole = length
    following, zeros = follows
    taken = _constant(tensors[whole]) or ()
    is_whole = len(taken) == len(shape) - 1 and all(
        n in (-1, extent) for n, extent in zip(taken, shape[1:], strict=True)
    )
    if (
        not is_whole
        or _constant(tensors[zeros]) != (0,) * (len(shape) - 1)
        or not _is_one_more(following, place, producers, tensors)
    ):
        return None
    return _Item(of, item, place, zeros, (before, behind))


def _index_of(
    vector: int, producers: Mapping[int, OperatorRecord], tensors: tuple[TensorRecord, ...]
) -> tuple[int, int] | None:
    """Return the computed number that begins `vector`, and the constants behind it."""
    joint = producers.get(vector)
    if joint is None or joint.kind != CONCATENATION or len(joint.inputs) != 2:
        return None
    number, rest = joint.inputs
    shaped = producers.get(number)
    if shaped is None or shaped.kind != "RESHAPE" or tensors[rest].data is None:
        return None
    return shaped.inputs[0], rest


def _is_one_more(
    following: int,
    place: int,
    producers: Mapping[int, OperatorRecord],
    tensors: tuple[TensorRecord, ...],
) -> bool:
    add = producers.get(following)
    if add is None or add.kind != "ADD" or place not in add.inputs:
        return False
    (other,) = [index for index in add.inputs if index != place] or [place]
    return _constant(tensors[other]) == (1,)


def _constant(tensor: TensorRecord) -> tuple[int, ...] | None:
    if tensor.data is None or tensor.dtype not in ("int32", "int64"):
        return None
    return tuple(np.frombuffer(tensor.data.tobytes(), tensor.dtype).tolist())


def _set(
    joint: OperatorRecord, item: _Item, tensors: list[TensorRecord]
) -> tuple[OperatorRecord, ...]:
    """Return the operators that take the place of `joint`; `tensors` grows by what they need."""
    place, rank = tensors[item.place], len(tensors[item.of].shape)
    number, start = len(tensors), len(tensors) + 1
    new = replace(place, data=None, is_free=False)
    tensors.append(replace(new, name=f"{joint.name}.number", shape=(1,)))
    tensors.append(replace(new, name=f"{joint.name}.place", shape=(rank,)))
    name, flat = joint.name, {"Axis": 0, "FusedActivationFunction": 0}
    shape = {"NewShape": (1,)}
    return (
        OperatorRecord(f"{name}.number", "RESHAPE", (item.place,), (number,), shape),
        OperatorRecord(f"{name}.place", CONCATENATION, (number, item.zeros), (start,), flat),
        OperatorRecord(
            name, "DYNAMIC_UPDATE_SLICE", (item.of, item.item, start), joint.outputs, None
        ),
    )
