"""A node of an .onnx file -> nodes of the network, by the page that reads its type.

Where the shape of an input is known only at run, so is what the page reads: the node is read once
now, at the largest sizes, and again for the sizes of a run (operators/varying.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx import channels_last_nodes
from npusim.formats.onnx.channels_last import channels_last
from npusim.formats.onnx.constants import evaluate
from npusim.formats.onnx.nodes import OnnxBody, OnnxNode
from npusim.formats.onnx.one_dimensional import as_image, is_signal
from npusim.graph.network import Network
from npusim.graph.operator import Shape
from npusim.graph.tensor import Quantization, Tensor
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.pages import PAGES
from npusim.operators.varying import MOST_SIZES, Piece, read_again

FORMS = {(form.domain, form.name): form for page in PAGES for form in page.onnx}
"""What the pages read, by domain and type."""


def translate(b: Builder, node: OnnxNode, opset: int) -> None:
    """Append what `node` means to the builder, or make its outputs constants.

    Raises
    ------
    UnsupportedError
        No page reads its type, or what it asks for is not there.
    NpuError
        It contradicts itself or its inputs.
    """
    if any(b.varies(name) for name in node.inputs):
        _emit_varying(b, node, opset)
        return
    known = all(name in b.constants for name in node.inputs if name)
    inputs = [b.constants.get(name) for name in node.inputs]
    outputs = evaluate(node, inputs, opset) if known and not node.bodies else None
    if outputs is not None:
        b.constants.update(zip(node.outputs, outputs, strict=False))
        if node.kind == "DequantizeLinear" or b.dequantized.intersection(node.inputs):
            b.dequantized.update(node.outputs)
        return
    b.group, b.read_body = node.group, body_network
    if channels_last_nodes.is_other_form(node):
        channels_last_nodes.read(b, node, lambda same: translate(b, same, opset))
        return
    form = FORMS.get((node.domain, node.kind))
    if form is not None and form.image and is_signal(b, node):
        as_image(b, node, form)
        return
    if not any(node.outputs):
        raise UnsupportedError(f"{node.name} ({node.kind}): a node without an output")
    if not node.outputs[0]:  # nothing reads the first of several
        node = replace(node, outputs=(b.free(f"{node.name}:output0"), *node.outputs[1:]))
    if node.domain == "" and node.kind == "Shape":
        shape = b.shape(node.input(0))
        span = slice(node.integer("start", 0), node.integer("end", len(shape)))
        b.constants[node.outputs[0]] = np.array(shape[span], np.int64)
    elif node.domain == "" and node.kind == "Size":
        b.constants[node.outputs[0]] = np.array(prod(b.shape(node.input(0))), np.int64)
    elif form is not None:
        form.read(b, node)
    else:
        raise not_supported(node)


def body_network(b: Builder, name: str, body: OnnxBody, inputs: Sequence[Tensor]) -> Network:
    """Return a graph inside node `name` as a network, for inputs of these types and shapes.

    Behind its own inputs it has every computed tensor of the graph around it that it captures.
    """
    inner = Builder([], {**b.constants, **body.constants}, labels=b.labels, opset=b.opset)
    inner.may_be_empty, inner.sizes = b.may_be_empty, b.sizes
    captured = [name for name in body.captured if name not in b.constants]
    for own, tensor in zip(body.inputs, inputs, strict=True):
        inner.tensors[own] = replace(tensor, name=own, data=None, varies=False, file_order=None)
        inner.constants.pop(own, None)
    for outer in captured:
        b.shape(outer)  # or it has no value
        inner.tensors[outer] = b.tensors[outer]
    for node in body.nodes:
        translate(inner, node, b.opset)
    b.asked |= inner.asked
    for output in body.outputs:
        if output not in inner.tensors:
            if output not in inner.constants:
                raise FormatError(f"{name}: output {output} of a body is produced by no node")
            inner.store(output, inner.constants[output], finite=False)
    nodes, tensors = channels_last(inner)
    return Network(
        name, "onnx", tuple(nodes), tensors, (*body.inputs, *captured), tuple(body.outputs)
    )


@dataclass(frozen=True, eq=False)
class OnnxPiece(Piece):
    """A node with all that reading it needs beside the shapes of its inputs.

    `inputs` are the computed ones, by the file's order of axes; those in `sizes` are read by their
    values, all of them where the node computes sizes from sizes.
    """

    node: OnnxNode
    inputs: tuple[Tensor, ...]
    constants: dict[str, NDArray]
    labels: dict[str, Quantization]
    opset: int
    sizes: frozenset[str]

    def network(self, values: Sequence[NDArray]) -> Network:
        """Return the node as a network for inputs of these shapes, and of these sizes."""
        shapes = [value.shape for value in values]
        sizes = {x.name: v for x, v in zip(self.inputs, values, strict=True)}
        return self.read(shapes, {name: sizes[name] for name in self.sizes})[0]

    def read(
        self, shapes: Sequence[Shape], sizes: dict[str, NDArray]
    ) -> tuple[Network, frozenset[str]]:
        """Return the network, and which of `sizes` were asked for."""
        computes_sizes = all(x.name in sizes for x in self.inputs) and not self.node.bodies
        constants = {**self.constants, **(sizes if computes_sizes else {})}
        b = Builder([], constants, labels=self.labels, opset=self.opset)
        b.may_be_empty = True
        for tensor, shape in zip(self.inputs, shapes, strict=True):
            if computes_sizes:
                break
            b.tensors[tensor.name] = replace(tensor, shape=shape, varies=False)
        if not computes_sizes:
            b.sizes = sizes
        translate(b, self.node, self.opset)
        outputs = tuple(filter(None, self.node.outputs))
        for name in outputs:
            if name not in b.tensors:
                b.store(name, b.constants[name], finite=False)
        if computes_sizes:
            for tensor, shape in zip(self.inputs, shapes, strict=True):
                b.tensors[tensor.name] = replace(tensor, shape=shape, varies=False, data=None)
        nodes, tensors = channels_last(b)
        names = tuple(tensor.name for tensor in self.inputs)
        network = Network(self.node.name, "onnx", tuple(nodes), tensors, names, outputs)
        return network, frozenset(sizes) if computes_sizes else frozenset(b.asked)


def _emit_varying(b: Builder, node: OnnxNode, opset: int) -> None:
    """Append a node that is read when it runs, and now at the largest sizes."""
    names = [name for name in dict.fromkeys(node.inputs) if name and name not in b.constants]
    for name in names:
        b.shape(name)  # or it has no value
    piece = OnnxPiece(
        node,
        tuple(b.tensors[name] for name in names),
        {name: b.constants[name] for name in node.inputs if name in b.constants},
        {name: b.labels[name] for name in (*node.inputs, *node.outputs) if name in b.labels},
        opset,
        frozenset(),
    )
    shapes = [tensor.shape for tensor in piece.inputs]
    sizes = {name: b.largest[name] for name in names if name in b.largest}
    largest, asked = piece.read(shapes, sizes)
    operator = read_again(replace(piece, sizes=asked), largest, [n in asked for n in names])
    given = [largest.tensors[name] for name in largest.outputs]
    b.emit_all(
        node.name, operator, tuple(names), largest.outputs, tuple(tensor.dtype for tensor in given)
    )
    for tensor in given:
        q = tensor.quantization
        if q is not None and q.axis is not None and tensor.file_order is not None:
            q = replace(q, axis=tensor.file_order.index(q.axis))
        b.tensors[tensor.name] = replace(b.tensors[tensor.name], quantization=q)
        if (
            tensor.data is not None
            and tensor.dtype.kind in "iub"
            and prod(tensor.shape) <= MOST_SIZES
        ):
            b.largest[tensor.name] = tensor.in_file_order(tensor.data)


def not_supported(node: OnnxNode) -> UnsupportedError:
    """Return the error of an operator that no page reads."""
    return UnsupportedError(f"{node.name}: operator {kind_of(node)} is not supported")


def kind_of(node: OnnxNode) -> str:
    """Return the node's type with its domain, as users know it."""
    public = node.domain and not node.domain.startswith("npusim")
    return f"{node.domain}.{node.kind}" if public else node.kind


def is_known(node: OnnxNode) -> bool:
    """Return whether nodes of this type are taken at all."""
    constant = node.domain == "" and node.kind in ("Constant", "Shape", "Size")
    form = (node.domain, node.kind)
    return constant or form in FORMS or form in channels_last_nodes.OTHER_FORM
