"""If nodes whose condition is a constant: the branch taken stands in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from npusim.errors import FormatError
from npusim.formats.onnx.folding import fold, fold_shapes
from npusim.formats.onnx.nodes import OnnxBody, OnnxNode
from npusim.formats.onnx.records import OnnxGraph


def fold_all(graph: OnnxGraph) -> None:
    """Evaluate what is constant, shapes too, and write the branches out that are always taken."""
    fold(graph)
    fold_shapes(graph)
    while any(_is_decided(graph, node) for node in graph.nodes):
        nodes: list[OnnxNode] = []
        for node in graph.nodes:
            nodes += _branch(graph, node) if _is_decided(graph, node) else [node]
        graph.nodes[:] = nodes
        fold(graph)
        fold_shapes(graph)


def _is_decided(graph: OnnxGraph, node: OnnxNode) -> bool:
    return node.domain == "" and node.kind == "If" and node.input(0) in graph.constants


def _branch(graph: OnnxGraph, node: OnnxNode) -> list[OnnxNode]:
    """Return the nodes of the branch taken, on names of the graph around it."""
    holds = graph.constants[node.input(0)]
    body = node.attributes.get("then_branch" if holds.any() else "else_branch")
    if not isinstance(body, OnnxBody) or len(body.outputs) != len(node.outputs):
        raise FormatError(f"{node.name} (If): expected a branch of {len(node.outputs)} outputs")
    made = {name for inner in body.nodes for name in inner.outputs if name}
    names = {name: f"{node.name}/{name}" for name in (*made, *body.constants)}
    copies = []
    for index, (inside, outside) in enumerate(zip(body.outputs, node.outputs, strict=True)):
        if inside in made and inside not in body.outputs[:index]:
            names[inside] = outside
        else:
            copies.append((inside, outside))
    graph.constants |= {names[name]: value for name, value in body.constants.items()}
    nodes = [
        replace(_renamed(inner, names), name=f"{node.name}/{inner.name}") for inner in body.nodes
    ]
    nodes += [
        OnnxNode(outside, "", "Identity", (names.get(inside, inside),), (outside,))
        for inside, outside in copies
        if outside
    ]
    return nodes


def _renamed(node: OnnxNode, names: Mapping[str, str]) -> OnnxNode:
    attributes = {
        key: _renamed_body(value, names) if isinstance(value, OnnxBody) else value
        for key, value in node.attributes.items()
    }
    inputs, outputs = (
        tuple(names.get(name, name) for name in side) for side in (node.inputs, node.outputs)
    )
    return replace(node, inputs=inputs, outputs=outputs, attributes=attributes)


def _renamed_body(body: OnnxBody, names: Mapping[str, str]) -> OnnxBody:
    """Return a body whose captured names are others; its own names stay."""
    return OnnxBody(
        tuple(_renamed(node, names) for node in body.nodes),
        body.constants,
        body.inputs,
        tuple(names.get(name, name) for name in body.outputs),
    )
