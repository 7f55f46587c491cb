"""Write a quantized network as an ordinary ONNX file that any runtime executes.

One node per layer, a function of the domain `npusim` whose body is standard integer operators
(npusim/formats/own/); the codes stay packed, the integer constants are initializers and
attributes. Inputs and outputs are real values, as those of the network that was quantized, or the
integers themselves. `npusim.load` gives back the same network from either.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim.arguments import require_one_of, require_type
from npusim.errors import UnsupportedError
from npusim.formats.own.calls import call_of, function_named
from npusim.formats.own.functions import DOMAIN, DOMAIN_VERSION, IR_VERSION, OPSET
from npusim.graph.batch import keeps_samples_apart
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor
from npusim.operators.forms.own import scale_of
from npusim.quant.export_qdq import qdq_model
from npusim.quant.export_qoperator import qoperator_model
from npusim.words import ENDS, FILE_FORMS, End, FileForm
from npusim.writing import whole_file

BATCH = "N"
INNER = ":channels_last"
"""Suffix of an input or output's name inside the graph, where its layout is npusim's."""


def model_of(network: Network, ends: End = "float") -> onnx.ModelProto:
    """Return the ONNX model of a quantized network, its inputs and outputs as `ends` says.

    Raises
    ------
    UnsupportedError
        The network is not npusim's own (quantize it first), or an operator has no form there.
    """
    require_type("network", network, Network, hint="npusim.load makes one")
    if network.source != "npusim":
        raise UnsupportedError(
            f"{network.name}: expected a network that npusim quantized, found one of "
            f"{network.source}"
        )
    require_one_of("io", ends, ENDS)
    writer = _Writer(network, ends == "float")
    for name in network.inputs:
        if network.tensors[name].quantization is not None:  # others are indices, as they are
            writer.enter(network.tensors[name])
    for name, tensor in network.tensors.items():
        if tensor.is_constant:
            writer.initializers.append(numpy_helper.from_array(np.array(tensor.data), name))
            if not tensor.is_float:
                writer.enter(tensor)
    for node in network.nodes:
        call = call_of(network, node)
        inputs = [writer.inside(name) for name in node.inputs]
        for key, value in call.constants.items():
            inputs.append(f"{node.name}/{key}")
            writer.initializers.append(numpy_helper.from_array(np.array(value), inputs[-1]))
        writer.call(call.function, node.name, inputs, writer.inside(node.outputs[0]),
                    call.attributes)  # fmt: skip
        writer.describe(node.outputs[0])
    for name in network.outputs:
        writer.leave(network.tensors[name])
    return writer.model()


class _Writer:
    """The parts of a model so far."""

    def __init__(self, network: Network, real_ends: bool) -> None:
        self.network, self.real_ends = network, real_ends
        self.free_batch = keeps_samples_apart(network)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.values: list[onnx.ValueInfoProto] = []
        self.functions: dict[str, onnx.FunctionProto] = {}

    def inside(self, name: str) -> str:
        """Return what a tensor is called between npusim's functions."""
        tensor = self.network.tensors[name]
        if tensor.quantization is None:
            return name
        at_an_end = name in self.network.inputs or (tensor.is_constant and not tensor.is_float)
        changed = self.real_ends or tensor.file_order is not None
        return name + INNER if at_an_end or (name in self.network.outputs and changed) else name

    def describe(self, name: str) -> None:
        """State the shape of a tensor between npusim's functions, for viewers."""
        if name not in self.network.outputs or self.inside(name) != name:
            tensor = self.network.tensors[name]
            free = self.free_batch and not tensor.is_constant
            self.values.append(_value(self.inside(name), tensor.shape, free))

    def call(
        self, function: str, name: str, inputs: list[str], output: str, attributes: dict
    ) -> None:
        """Append one node."""
        if function not in self.functions:
            self.functions[function] = function_named(function)
        self.nodes.append(
            helper.make_node(function, inputs, [output], name=name, domain=DOMAIN, **attributes)
        )

    def enter(self, tensor: Tensor) -> None:
        """Append the node that states an input's (or constant's) layout and quantization."""
        order = tensor.file_order or tuple(range(len(tensor.shape)))
        attributes = {
            **scale_of(tensor.name, tensor),
            "order": [int(axis) for axis in np.argsort(order)],
        }
        name = f"{tensor.name}/input"
        function = "FloatInput" if self.real_ends and not tensor.is_constant else "Input"
        self.call(function, name, [tensor.name], self.inside(tensor.name), attributes)
        self.describe(tensor.name)

    def leave(self, tensor: Tensor) -> None:
        """Append what makes an output's values and layout those of the file, where they differ."""
        name = f"{tensor.name}/output"
        inner = [self.inside(tensor.name)]
        if self.real_ends:
            order = tensor.file_order or tuple(range(len(tensor.shape)))
            attributes = {**scale_of(tensor.name, tensor), "order": list(order)}
            self.call("FloatOutput", name, inner, tensor.name, attributes)
        elif tensor.file_order is not None:
            self.call("Output", name, inner, tensor.name, {"order": list(tensor.file_order)})

    def end(self, tensor: Tensor) -> onnx.ValueInfoProto:
        """Return what the file says of an input or output."""
        order = tensor.file_order or tuple(range(len(tensor.shape)))
        batch_first = self.free_batch and order[0] == 0
        shape = tuple(tensor.shape[axis] for axis in order)
        kind = TensorProto.FLOAT if self.real_ends else TensorProto.INT8
        if tensor.quantization is None:
            kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
        return _value(tensor.name, shape, batch_first, kind)

    def model(self) -> onnx.ModelProto:
        """Return the whole, checked."""
        network = self.network
        graph = helper.make_graph(
            self.nodes,
            network.name,
            [self.end(network.tensors[name]) for name in network.inputs],
            [self.end(network.tensors[name]) for name in network.outputs],
            self.initializers,
            value_info=self.values,
        )
        model = helper.make_model(
            graph,
            functions=[self.functions[name] for name in sorted(self.functions)],
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid(DOMAIN, DOMAIN_VERSION),
            ],
            producer_name="npusim",
            producer_version=npusim.__version__,
            ir_version=IR_VERSION,
        )
        helper.set_model_props(model, {"notes": "\n".join(network.notes)})
        onnx.checker.check_model(model)
        return model


def _value(
    name: str, shape: tuple[int, ...], batch_first: bool, kind: int = TensorProto.INT8
) -> onnx.ValueInfoProto:
    sizes: list[int | str] = list(shape)
    if batch_first and sizes and sizes[0] == 1:
        sizes[0] = BATCH
    return helper.make_tensor_value_info(name, kind, sizes)


def export(
    network: Network, path: str | Path, *, io: End = "float", form: FileForm = "npusim"
) -> None:
    """Write `network` to `path` as ONNX, byte for byte the same each time.

    With `io` "float" its inputs and outputs are real values, in place of the float network's; with
    "int8" they are the integers, whose scales the file states. `form` "qdq" and
    "qoperator" are for uniform codes and runtimes' own kernels, see `export_qdq`.

    Raises
    ------
    UnsupportedError
        As `model_of`.
    FormatError
        The file cannot be written.
    """
    require_one_of("form", form, FILE_FORMS)
    writer = {"npusim": model_of, "qdq": qdq_model, "qoperator": qoperator_model}[form]
    model = writer(network, io)
    content = model.SerializeToString(deterministic=True)
    with whole_file(Path(path)) as file:
        file.write(content)
