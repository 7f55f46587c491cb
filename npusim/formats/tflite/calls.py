"""Operators that call other subgraphs: their bodies take their place.

CALL becomes the subgraph called, IF with a constant condition the branch taken, STABLEHLO_COMPOSITE
the decomposition that LiteRT runs for it where no delegate has a better one. WHILE, and IF of a
computed condition, stay: the host runs their subgraphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from npusim.errors import FormatError
from npusim.formats.tflite.records import GraphRecord, OperatorRecord, TensorRecord

DEEPEST = 16
"""Calls within calls beyond this are refused: a subgraph may call itself."""


def inlined(graphs: Sequence[GraphRecord], number: int = 0) -> GraphRecord:
    """Return subgraph `number` with the subgraphs that it calls written out.

    Raises
    ------
    FormatError
        A call names a subgraph that does not exist, with another number of inputs or outputs, or
        calls nest without end.
    """
    tensors = list(graphs[number].tensors)
    operators = _written_out(graphs, graphs[number].operators, tensors, 0)
    return replace(graphs[number], tensors=tuple(tensors), operators=tuple(operators))


def copy_of(name: str, source: int, target: int, tensors: Sequence[TensorRecord]) -> OperatorRecord:
    """Return the operator that gives tensor `target` the value of `source`."""
    return OperatorRecord(
        name, "RESHAPE", (source,), (target,), {"NewShape": tensors[target].shape}
    )


def _written_out(
    graphs: Sequence[GraphRecord],
    operators: Sequence[OperatorRecord],
    tensors: list[TensorRecord],
    depth: int,
) -> list[OperatorRecord]:
    written: list[OperatorRecord] = []
    for operator in operators:
        called = _called(operator, tensors)
        if called is None:
            written.append(operator)
            continue
        number, arguments = called
        if not 0 <= number < len(graphs):
            raise FormatError(f"{operator.name}: subgraph {number} of {len(graphs)}")
        if depth == DEEPEST:
            raise FormatError(f"{operator.name}: calls nest deeper than {DEEPEST}")
        body = _body(operator, arguments, graphs[number], tensors)
        written += _written_out(graphs, body, tensors, depth + 1)
    return written


def _called(
    operator: OperatorRecord, tensors: Sequence[TensorRecord]
) -> tuple[int, tuple[int, ...]] | None:
    """Return the subgraph that `operator` always calls and its arguments; None for any other."""
    options = operator.options or {}
    if operator.kind == "STABLEHLO_COMPOSITE" and "DecompositionSubgraphIndex" in options:
        return options["DecompositionSubgraphIndex"], operator.inputs
    if operator.kind == "CALL" and "Subgraph" in options:
        return options["Subgraph"], operator.inputs
    if operator.kind == "IF" and "ThenSubgraphIndex" in options and operator.inputs:
        condition = tensors[operator.inputs[0]]
        if condition.data is not None and condition.dtype == "bool":
            taken = "ThenSubgraphIndex" if condition.data[0] else "ElseSubgraphIndex"
            return options[taken], operator.inputs[1:]
    return None


def _body(
    call: OperatorRecord,
    arguments: tuple[int, ...],
    graph: GraphRecord,
    tensors: list[TensorRecord],
) -> list[OperatorRecord]:
    """Return the operators of `graph` on the caller's tensors, to which its own are added."""
    if len(arguments) != len(graph.inputs) or len(call.outputs) != len(graph.outputs):
        raise FormatError(
            f"{call.name}: expected {len(graph.inputs)} inputs and {len(graph.outputs)} outputs "
            f"of its subgraph, found {len(arguments)} and {len(call.outputs)}"
        )
    places = {-1: -1} | dict(zip(graph.inputs, arguments, strict=True))
    copies = []
    for inside, outside in zip(graph.outputs, call.outputs, strict=True):
        if inside in places or graph.tensors[inside].data is not None:
            copies.append((inside, outside))
        else:
            places[inside] = outside
    for index, tensor in enumerate(graph.tensors):
        if index not in places:
            places[index] = len(tensors)
            tensors.append(replace(tensor, name=f"{call.name}.{tensor.name}"))
    body = [
        replace(
            operator,
            name=f"{call.name}.{operator.name}",
            inputs=tuple(places[i] for i in operator.inputs),
            outputs=tuple(places[i] for i in operator.outputs),
            intermediates=tuple(places[i] for i in operator.intermediates),
        )
        for operator in graph.operators
    ]
    body += [
        copy_of(f"{call.name}.output_{outside}", places[inside], outside, tensors)
        for inside, outside in copies
    ]
    return body
