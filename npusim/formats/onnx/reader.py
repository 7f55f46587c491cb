"""Import of .onnx files: float, QDQ and QOperator networks, as onnxruntime executes them.

The steps stand in modules of their own: records reads and checks, constants evaluates what is
constant, fuse_qdq joins integer operators out of DequantizeLinear - operator - QuantizeLinear, the
operators' pages translate, channels_last stores activations channels last.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from npusim.errors import FormatError, NpuError, UnsupportedError
from npusim.formats.imported import Imported
from npusim.formats.onnx import attention, fused_by_runtime, half_precision, qonnx
from npusim.formats.onnx.channels_last import channels_last
from npusim.formats.onnx.cut import StandIns, cut_to, operations_of
from npusim.formats.onnx.functions import written_out
from npusim.formats.onnx.fuse_qdq import Fused, fuse
from npusim.formats.onnx.inline import fold_all
from npusim.formats.onnx.nodes import OnnxValue
from npusim.formats.onnx.records import OnnxGraph, Shapes
from npusim.formats.onnx.records import read as read_graph
from npusim.formats.onnx.scaled_products import factors_behind
from npusim.formats.onnx.skip_sums import normalized_sums
from npusim.formats.onnx.translate import FORMS, is_known, kind_of, not_supported, translate
from npusim.formats.own import reader as own
from npusim.graph.network import Network
from npusim.graph.refusals import Refusals, whole
from npusim.graph.tensor import DTYPES
from npusim.operators.forms.onnx_builder import Builder


def read(
    path: Path, shapes: Shapes | None = None, outputs: Sequence[str] | None = None
) -> Imported:
    """Return the network in the .onnx file at `path`, cut off behind `outputs` where given.

    A free batch dimension counts as 1; `shapes` gives inputs by name the shapes that the file
    leaves free. What onnx's checker refuses is read all the same; where that fails, the checker's
    word is the reason. Tensors keep the file's names; 4-D activations around
    convolutions and pools are stored [N H W C] and carry the file's order. Weights may be inputs of
    the graph, without values (shapes alone, for `npusim estimate`): they become inputs of the
    network, behind its others.

    Raises
    ------
    FormatError, ShapeError, RangeError
        The file is damaged or contradicts itself; the message names the node or tensor.
    UnsupportedError
        It needs a structure or a tensor type that npusim has not. An operator that npusim has not
        is among the refusals.
    """
    graph = read_graph(path, shapes, lambda model: written_out(model, WRITTEN))
    try:
        if outputs is not None:
            cut_to(graph, outputs)
        operations = operations_of(graph)
        wanted = tuple(graph.outputs)
        if own.is_own(graph):
            if graph.refusal:
                raise FormatError(graph.refusal)
            return Imported(replace(own.network(graph), name=path.stem), (), operations, wanted)
        refusals = Refusals()
        found = network(graph, path.stem, refusals)
        return Imported(found, tuple(refusals), operations, wanted)
    except NpuError as error:
        if graph.refusal:
            raise FormatError(f"{path.name}: {graph.refusal}") from None
        raise type(error)(f"{path.name}: {error}") from None


def network(graph: OnnxGraph, name: str, refusals: Refusals) -> Network | None:
    """Return the network that `graph` describes, quantized operators fused.

    What is not supported is collected in `refusals`; then the network is what is left of it, where
    that is one.
    """
    absent = weight_inputs(graph)
    inputs = [value for value in graph.inputs if value.name not in absent]
    inputs = [value for value in inputs if value.name not in graph.stripped]
    for value in graph.inputs:
        if value.name in absent | graph.stripped:  # one zero, seen in the shape of all
            graph.constants[value.name] = np.broadcast_to(np.zeros((), value.dtype), value.shape)
    fold_all(graph)
    qonnx.write_out(graph)
    fused_by_runtime.write_out(graph)
    attention.write_out(graph)
    half_precision.write_out(graph)
    fused = fuse(graph)
    nodes = factors_behind(fused.nodes, graph.constants, graph.outputs)
    nodes = normalized_sums(nodes, graph.outputs)
    b = Builder(inputs, graph.constants, absent, fused.labels, graph.opset)
    stand_ins = StandIns(graph)
    for node in nodes:
        kind = kind_of(node)
        with refusals.collect(node.name, kind):
            if node.name in graph.unwritten:
                stand_ins.put(b, node)
                raise graph.unwritten[node.name]
            if stand_ins.unknown.intersection(node.inputs):
                if not is_known(node):
                    raise not_supported(node)
                stand_ins.unknown.update(node.outputs)
                continue
            if node.kind == "QuantizeLinear" and node.input(2) in graph.four_bits:
                raise UnsupportedError(
                    f"{node.name} (QuantizeLinear): activations of four bits are not supported"
                )
            try:
                with whole(node.name, kind):
                    translate(b, node, graph.opset)
                continue
            except UnsupportedError:
                raise
            except NpuError:
                if not refusals:  # else it may come of the tensors that stand in
                    raise
        stand_ins.put(b, node)
    if refusals:
        with suppress(NpuError):
            return _finished(b, graph, name, inputs, stand_ins.names, fused)
        return None
    found = _finished(b, graph, name, inputs, (), fused)
    if graph.stripped and not found.absent_weights:
        raise FormatError(
            f"constant {min(graph.stripped)}: the file holds its shape alone, or the file of its "
            "external data is missing"
        )
    return found


def _finished(
    b: Builder,
    graph: OnnxGraph,
    name: str,
    inputs: Sequence[OnnxValue],
    stand_ins: Sequence[str],
    fused: Fused,
) -> Network:
    for output in graph.outputs:
        if output in b.constants and output not in b.tensors:
            held = b.constants[output]
            if not b.nodes or held.dtype.name not in DTYPES:
                why = "nothing is left to compute" if not b.nodes else f"of {held.dtype}"
                raise UnsupportedError(f"output {output} is a constant: {why}")
            b.store(output, held, finite=False)
    stored_nodes, tensors = channels_last(b)
    used = {name for node in stored_nodes for name in (*node.inputs, *node.outputs)}
    names = (*(value.name for value in inputs), *b.absent_tensors, *stand_ins)
    kept = used | set(names) | set(graph.outputs)
    return Network(
        name=name,
        source="onnx",
        nodes=tuple(stored_nodes),
        tensors={key: tensor for key, tensor in tensors.items() if key in kept},
        inputs=names,
        outputs=tuple(graph.outputs),
        notes=tuple(fused.notes),
        altered=fused.altered,
    )


WRITTEN = {*FORMS, *attention.KINDS, *fused_by_runtime.OF_ONNX}
"""Operators that no body of ONNX's stands for: they are read or written out here."""


def weight_inputs(graph: OnnxGraph) -> frozenset[str]:
    """Return the inputs of the graph that are read as weights and as nothing else."""
    as_weights: set[str] = set()
    otherwise = set(graph.outputs)
    for node in graph.nodes:
        form = FORMS.get((node.domain, node.kind))
        weights = () if form is None else form.weights
        for index, name in enumerate(node.inputs):
            (as_weights if index in weights else otherwise).add(name)
    return frozenset({value.name for value in graph.inputs} & as_weights - otherwise)
