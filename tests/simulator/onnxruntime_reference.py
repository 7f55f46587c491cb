"""The witness: onnxruntime's CPU provider, and small ONNX models to show it.

npusim is compared with the runtime itself, never with a copy of its formulas.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NotImplemented_

from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.prepared.engine import prepare
from tests.processor import HAS_AVX512

DISABLED = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
EXTENDED = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
ALL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL

MICROSOFT = "com.microsoft"

in_16_lanes = pytest.mark.skipif(
    not HAS_AVX512,
    reason="a processor without AVX-512, on which onnxruntime sums floats in another order",
)
"""Marks a test of float sums whose order onnxruntime takes from the width of AVX-512."""


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, NDArray],
    constants: Mapping[str, NDArray],
    outputs: Mapping[str, np.dtype | type],
    opset: int = 17,
) -> onnx.ModelProto:
    """Return a model whose inputs have the types and shapes of the arrays given."""

    def info(
        name: str, dtype: np.dtype | type, shape: tuple[int, ...] | None
    ) -> onnx.ValueInfoProto:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        list(nodes),
        "random",
        [info(name, x.dtype, x.shape) for name, x in inputs.items()],
        [info(name, dtype, None) for name, dtype in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def quiet_options(level: onnxruntime.GraphOptimizationLevel) -> onnxruntime.SessionOptions:
    """Return the options of a session of one thread that says nothing."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return options


WEIGHTS = {"QLinearConv": (2, 3, 5), "QLinearMatMul": (2, 3, 5), "QGemm": (2, 3, 5)}
"""Where such a node has the activations' zero point, its weights and their zero point."""


def with_exact_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with int8 weights beside uint8 activations as the uint8 of equal products.

    `session.x64quantprecision` leaves files of integer operators as they are, or breaks them.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    constants = {value.name: value for value in copy.graph.initializer}
    moved: set[str] = set()
    for node in copy.graph.node:
        if node.op_type not in WEIGHTS:
            continue
        x_zero, weights, zero = (node.input[i] for i in WEIGHTS[node.op_type])
        if {weights, zero} <= constants.keys() and x_zero in constants:
            if constants[x_zero].data_type == onnx.TensorProto.UINT8:
                moved |= {weights, zero}
    for name in moved:
        value = constants[name]
        if value.data_type == onnx.TensorProto.INT8:
            array = numpy_helper.to_array(value).astype(np.int16) + 128
            value.CopyFrom(numpy_helper.from_array(array.astype(np.uint8), name))
    return copy


def with_own_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with a DequantizeLinear and its constants of their own for each reader.

    `session.x64quantprecision` replaces int8 constants by name, and fails at a second reader.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    graph = copy.graph
    constants = {value.name: value for value in graph.initializer}
    shared = {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }
    read: set[str] = set()
    nodes = []
    for number, node in enumerate(graph.node):
        for index, name in enumerate(node.input):
            if name in shared and name in read:
                own = onnx.NodeProto()
                own.CopyFrom(shared[name])
                own.name = own.output[0] = f"{name}_{number}_{index}"
                for i, constant in enumerate(own.input):
                    value = graph.initializer.add()
                    value.CopyFrom(constants[constant])
                    value.name = own.input[i] = f"{constant}_{number}_{index}"
                nodes.append(own)
                node.input[index] = own.output[0]
            read.add(name)
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return copy


def session(
    proto: onnx.ModelProto,
    level: onnxruntime.GraphOptimizationLevel,
    optimized: Path | None = None,
    keep_int8: bool = False,
) -> onnxruntime.InferenceSession:
    """Return a session of one thread; `optimized` is where the runtime's own graph is written.

    On x86 it moves the int8 activations of QDQ files to uint8, and in doing so leaves some
    operators in float; `keep_int8` switches that off. Sums are exact on every processor: without
    VNNI the runtime adds products of uint8 and int8 in pairs of 16 bits, which saturate, unless
    int8 weights are moved to uint8, by itself in QDQ files or by us.
    """
    kinds = {node.op_type for node in proto.graph.node}
    is_rewritten = level != DISABLED and optimized is None and not keep_int8
    if is_rewritten and kinds.isdisjoint(WEIGHTS):
        options = quiet_options(level)
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            return _session(with_own_weights(proto), options)
        except NotImplemented_:  # it moved the weights beside int8 activations, which cannot be
            pass
    options = quiet_options(level)
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    if keep_int8:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    return _session(with_exact_weights(proto), options)


def _session(
    proto: onnx.ModelProto, options: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def exposed(proto: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Return a copy of the model whose outputs are also the tensors `names`."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    have = {output.name for output in copy.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in have)
    return copy


def run_exposed(
    proto: onnx.ModelProto,
    names: Sequence[str],
    feeds: Mapping[str, NDArray],
    level: onnxruntime.GraphOptimizationLevel = DISABLED,
) -> dict[str, NDArray]:
    """Return the values of the tensors `names` of a model."""
    return dict(
        zip(names, session(exposed(proto, names), level).run(list(names), dict(feeds)), strict=True)
    )


def loaded(proto: onnx.ModelProto) -> Network:
    """Return the model as npusim imports it from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        onnx.save(proto, path)
        return load(path)


def npusim_run(
    network: Network, feeds: Mapping[str, NDArray], keep: Sequence[str] | None = None
) -> dict[str, NDArray]:
    """Return what the kernels engine computes under onnxruntime's rule."""
    return prepare(network, "onnxruntime").run(dict(feeds), keep=keep)


def assert_same_bytes(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, NDArray],
    constants: Mapping[str, NDArray],
    outputs: Mapping[str, np.dtype | type],
    level: onnxruntime.GraphOptimizationLevel = DISABLED,
    opset: int = 17,
) -> None:
    """Assert that both compute the same outputs, to the last bit."""
    proto = model(nodes, inputs, constants, outputs, opset)
    expected = session(proto, level).run(list(outputs), dict(inputs))
    found = npusim_run(loaded(proto), inputs)
    for name, value in zip(outputs, expected, strict=True):
        assert found[name].dtype == value.dtype, name
        assert found[name].shape == value.shape, name
        np.testing.assert_array_equal(found[name], value, err_msg=name)
