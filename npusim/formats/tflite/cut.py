"""Cutting a .tflite graph off behind tensors that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from npusim.errors import FormatError
from npusim.formats.tflite.records import GraphRecord
from npusim.graph.cut import Operation, needed
from npusim.graph.state import State


def operations_of(graph: GraphRecord) -> tuple[Operation, ...]:
    """Return the operators by the names of their tensors."""

    def names(indices: Sequence[int]) -> tuple[str, ...]:
        return tuple(graph.tensors[i].name for i in indices if i >= 0)

    return tuple(
        Operation(record.name, names(record.inputs), names(record.outputs))
        for record in graph.operators
    )


def cut_to(
    graph: GraphRecord, state: Sequence[State], outputs: Sequence[str]
) -> tuple[GraphRecord, tuple[State, ...]]:
    """Return `graph` with the outputs named, and what they do not need left out.

    Raises
    ------
    FormatError
        No operator and no input gives a tensor of that name.
    """
    written = {i for operator in graph.operators for i in operator.outputs if i >= 0}
    named: dict[str, int] = {}
    for index in (*sorted(written), *graph.inputs):
        named.setdefault(graph.tensors[index].label, index)
    named.update({graph.tensors[i].name: i for i in (*written, *graph.inputs)})
    for name in outputs:
        if name not in named:
            last = ", ".join(graph.tensors[i].name for i in graph.outputs)
            raise FormatError(f"outputs: no operator computes {name}; the network's are {last}")
    wanted = tuple(dict.fromkeys(named[name] for name in outputs))
    operators, tensors = needed(
        operations_of(graph),
        {graph.tensors[i].name for i in wanted},
        {each.value: each.update for each in state},
    )
    cut = replace(
        graph,
        operators=tuple(each for each in graph.operators if each.name in operators),
        inputs=tuple(i for i in graph.inputs if graph.tensors[i].name in tensors),
        outputs=wanted,
    )
    return cut, tuple(each for each in state if each.value in tensors)
