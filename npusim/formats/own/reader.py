"""Import of npusim's own ONNX form: the network that was exported, integer for integer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from npusim.errors import FormatError, NpuError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph
from npusim.formats.own.calls import CONCAT, call_of, function_named, unpack_codes
from npusim.formats.own.functions import DOMAIN, DOMAIN_VERSION
from npusim.formats.own.linear import LinearFormat, format_named
from npusim.graph.network import Group, Network, Node
from npusim.graph.operator import Operator, output_shapes
from npusim.graph.tensor import Quantization, Tensor
from npusim.graph.weights import EncodedWeights
from npusim.operators.forms.own import ANY_NUMBER, Call
from npusim.operators.forms.own_float import FLOAT, ISLAND
from npusim.operators.kinds.own_table import TABLE
from npusim.operators.page import Absent
from npusim.operators.pages import PAGES


def is_own(graph: OnnxGraph) -> bool:
    """Return whether `graph` is in npusim's form."""
    return any(node.domain == DOMAIN for node in graph.nodes)


def network(graph: OnnxGraph) -> Network:
    """Return the network that `graph`, in npusim's form, holds.

    Raises
    ------
    FormatError
        A function's body, a constant or an attribute is not what npusim writes, or a node is not
        one of npusim's functions.
    """
    _check_functions(graph)
    reader = _Reader(graph)
    for node in graph.nodes:
        if node.domain != DOMAIN:
            raise FormatError(f"{node.name}: expected functions of npusim alone, found {node.kind}")
        try:
            reader.read(node)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"{node.name}: npusim.{node.kind} lacks {error}") from None
        except IndexError:
            raise FormatError(f"{node.name}: npusim.{node.kind} lacks an input") from None
    result = reader.network()
    for layer, written in zip(result.nodes, reader.calls, strict=True):
        _check_call(graph, result, layer, written)
    return result


def _check_functions(graph: OnnxGraph) -> None:
    version = graph.versions.get(DOMAIN, 0)
    if not 1 <= version <= DOMAIN_VERSION:
        raise FormatError(f"npusim's form: expected version {DOMAIN_VERSION}, found {version}")
    for name in {node.kind for node in graph.nodes if node.domain == DOMAIN}:
        if graph.functions.get((DOMAIN, name)) != function_named(name, version):
            raise FormatError(
                f"npusim.{name}: its body is not the one npusim writes, so other runtimes would "
                f"compute something else"
            )


def _check_call(graph: OnnxGraph, network: Network, node: Node, written: OnnxNode) -> None:
    call = call_of(network, node)
    names = written.inputs[len(node.inputs) :]
    if len(names) != len(call.constants) or not graph.constants.keys() >= {*names}:
        raise FormatError(
            f"{node.name}: expected the constants {[*call.constants]}, found {[*names]}"
        )
    held = [graph.constants[name] for name in names]
    for (name, value), found in zip(call.constants.items(), held, strict=True):
        if not np.array_equal(value, found) or value.dtype != found.dtype:
            raise FormatError(f"{node.name}: its {name} are not what the network implies")
    if call.function != written.kind or call.attributes != written.attributes:
        differing = [
            key
            for key in sorted(call.attributes.keys() | written.attributes.keys())
            if call.attributes.get(key) != written.attributes.get(key)
        ]
        key = differing[0] if differing else "function"
        raise FormatError(
            f"{node.name}: expected {key} {call.attributes.get(key, call.function)}, "
            f"found {written.attributes.get(key, written.kind)}"
        )


@dataclass
class _Reader:
    """Tensors and nodes so far; `alias` maps the file's names to the network's."""

    graph: OnnxGraph

    def __post_init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.calls: list[OnnxNode] = []
        self.alias: dict[str, str] = {}

    def network(self) -> Network:
        """Return the network read."""
        return Network(
            self.graph.name,
            "npusim",
            tuple(self.nodes),
            self.tensors,
            tuple(value.name for value in self.graph.inputs),
            tuple(self.alias.get(name, name) for name in self.graph.outputs),
            tuple(self.graph.metadata.get("notes", "").splitlines()),
        )

    def read(self, node: OnnxNode) -> None:
        """Take one node of the file."""
        if node.kind in ("Input", "FloatInput"):
            self._input(node)
        elif node.kind in ("Output", "FloatOutput"):
            self._output(node)
        else:
            self._layer(node)

    def _input(self, node: OnnxNode) -> None:
        (name,) = node.inputs
        order = np.argsort(_integers(node, "order"))
        data = self.graph.constants.get(name)
        if data is None:
            shapes = {value.name: (value.shape, value.dtype) for value in self.graph.inputs}
            shape, dtype = shapes[name]
            if node.kind == "FloatInput" and dtype == np.float32:
                dtype = np.dtype(np.int8)
            elif node.kind == "FloatInput":
                raise FormatError(f"{node.name}: expected {name} to be float32, found {dtype}")
        else:
            shape, dtype = data.shape, data.dtype
        if len(shape) != len(order):
            raise ShapeError(f"{node.name}: {list(order)} is no order of {list(shape)}")
        back = [int(axis) for axis in np.argsort(order)]
        in_order = back == list(range(len(shape)))
        self.tensors[name] = Tensor(
            name,
            tuple(shape[axis] for axis in back),
            dtype,
            _quantization(node),
            None if data is None else np.ascontiguousarray(data.transpose(back)),
            None if in_order else tuple(int(axis) for axis in order),
        )
        self.alias[node.outputs[0]] = name

    def _output(self, node: OnnxNode) -> None:
        """Give the tensor before the layout change the name and order that the file shows."""
        inner, shown = self.alias.get(node.inputs[0], node.inputs[0]), node.outputs[0]
        before = self.tensors.pop(inner)
        order = _integers(node, "order")
        if node.kind == "FloatOutput":
            _check_scale(node, before)
        if sorted(order) != list(range(len(before.shape))):
            raise ShapeError(f"{node.name}: {list(order)} is no order of {list(before.shape)}")
        in_order = node.kind == "FloatOutput" and list(order) == sorted(order)
        self.tensors[shown] = Tensor(
            shown, before.shape, before.dtype, before.quantization, None,
            None if in_order else order,
        )  # fmt: skip
        self.alias[inner] = shown
        self.nodes = [
            replace(
                n,
                inputs=_renamed(n.inputs, inner, shown),
                outputs=_renamed(n.outputs, inner, shown),
            )
            for n in self.nodes
        ]

    def _layer(self, node: OnnxNode) -> None:
        operator, computed = self._operator(node)
        inputs = tuple(self.alias.get(name, name) for name in node.inputs[:computed])
        group: Group = ISLAND if node.kind.startswith(FLOAT) else ""
        for value in self.graph.inputs:
            if value.name in inputs and value.name not in self.tensors:  # indices, as they are
                self.tensors[value.name] = Tensor(value.name, value.shape, value.dtype)
        for name in inputs if group else ():  # constants that stay real
            if name not in self.tensors:
                data = self.graph.constants[name]
                self.tensors[name] = Tensor(name, data.shape, data.dtype, data=data)
        shapes = [self.tensors[name].shape for name in inputs]
        (name,) = node.outputs
        (shape,) = output_shapes(node.name, operator, shapes)
        self.tensors[name] = Tensor(name, shape, np.dtype(np.int8), _quantization(node))
        self.nodes.append(Node(node.name, operator, inputs, (name,), group))
        self.calls.append(node)

    def _operator(self, node: OnnxNode) -> tuple[Operator, int]:
        """Return the operator and how many of the node's inputs are computed."""
        x = self.tensors[self.alias.get(node.inputs[0], node.inputs[0])]
        call = Call(node, x)
        name = node.kind
        if name == TABLE:
            name = f"{TABLE}:{node.attributes['kind']}"
        elif name.startswith(CONCAT):
            name = CONCAT
        if name in FORMS:
            page, form = FORMS[name]
            count = len(node.inputs) if form.values == ANY_NUMBER else form.values
            return page.operator(**form.arguments(call)), count
        written = format_named(name)
        kind = "Conv" if written.convolution else "Dense" if written.keep_dims else "Gemm"
        page, form = FORMS[kind]
        encoding = self._encoding(node, written)
        return page.operator(**form.arguments(call) | {"encoding": encoding}), 1

    def _encoding(self, node: OnnxNode, form: LinearFormat) -> EncodedWeights:
        held = dict(zip(form.inputs, node.inputs, strict=True))
        values = {key: self.graph.constants[name] for key, name in held.items() if key != "x"}
        shape = _integers(node, "weight_shape")
        stream = values["codes"]
        if stream.dtype != np.uint8 or stream.size != -(-prod(shape) * form.code_bits // 8):
            raise FormatError(
                f"{node.name}: expected {-(-prod(shape) * form.code_bits // 8)} bytes of codes, "
                f"found {stream.dtype} {list(stream.shape)}"
            )
        codes = unpack_codes(stream, form.code_bits, prod(shape))
        none = np.zeros(len(values["bias"]), np.int64)
        return EncodedWeights(
            scheme=form.scheme,
            bits=form.bits,
            codes=codes.reshape(shape).astype(form.code.dtype(form.bits)),
            points=values.get("points", none + 1),
            magnitudes=values.get("magnitudes", np.zeros(0, np.int64)),
            multipliers=values["multipliers"],
            bias=values["bias"],
            shift=values["shift"],
            channel_shift=values.get("channel_shift", none),
            window_sum=values.get("window_sum", none),
        )


def _check_scale(node: OnnxNode, tensor: Tensor) -> None:
    """Raise FormatError unless the real values that `node` writes are those of `tensor`."""
    found, q = _quantization(node), tensor.quantization
    if q is None or (found.scale, found.zero_point) != (q.scale, q.zero_point):
        raise FormatError(f"{node.name}: its scale and zero point are not those of {tensor.name}")


def _renamed(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)


def _integers(node: OnnxNode, name: str) -> tuple[int, ...]:
    values = node.integers(name, None)
    if values is None:
        raise FormatError(f"{node.name}: npusim.{node.kind} lacks {name}")
    return values


def _quantization(node: OnnxNode) -> Quantization:
    scale = np.float32(node.number("scale", 0.0))
    try:
        return Quantization(np.asarray(scale), np.asarray(node.integer("zero_point", 0)))
    except NpuError as error:
        raise type(error)(f"{node.name}: {error}") from None


FORMS = {
    form.name: (page, form)
    for page in PAGES
    if not isinstance(page.own, Absent)
    for form in page.own
}
"""Pages and forms by the function's name; tables are told apart by their kind."""
