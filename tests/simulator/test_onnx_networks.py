"""Whole .onnx networks against onnxruntime: every integer tensor, 0 differing bytes.

QOperator files run with graph optimization off, so that every tensor of the file exists, and their
outputs again with all optimizations on. Of a QDQ file the runtime (ORT_ENABLE_EXTENDED) makes an
integer graph of its own, which it can write down: its integer tensors are compared by name, and the
untouched file's output.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from npusim.formats.files import load
from npusim.graph.network import Network

from .onnxruntime_reference import ALL, DISABLED, EXTENDED, exposed, npusim_run, session

QOPERATOR = {
    "kws_dscnn_int8_QOperator": 15,
    "ic_resnet8_int8_QOperator": 18,
    "vww_mbv1_int8_QOperator": 33,
    "shufflenet-v2-12-int8": 104,
}
"""File -> how many of its tensors are compared: all integer ones, and the output."""

QDQ = ("kws_dscnn_int8_QDQ", "vww_mbv1_int8_QDQ")
"""Files of which the runtime, by default, makes an integer graph without float operators."""

FLOAT_NODES = {"conv0", "conv1", "conv4", "conv6", "conv8", "conv10", "add3", "add7"}
"""What onnxruntime keeps in float of ic_resnet8_int8_QDQ when it moves int8 to uint8."""

pytestmark = pytest.mark.shared


def samples(shared: Path, name: str, count: int = 2) -> list[NDArray]:
    """Return inputs in the file's layout: real ones where the network has some."""
    rng = np.random.default_rng(2026)
    models = shared / "models"
    if name.startswith("kws"):
        x = np.load(models / "samples" / "kws01.npz")["x"][:count].astype(np.float32)
        return list(((x - 83) * np.float32(0.5847029089927673)).reshape(-1, 1, 49, 10, 1))
    photos = np.load(models / "samples" / "photos.npz")
    if name.startswith("shufflenet"):
        proto = onnx.TensorProto.FromString(
            (models / "onnx" / "shufflenet_input_0.pb").read_bytes()
        )
        photo = photos["x224"][0].astype(np.float32).transpose(2, 0, 1)[None]
        return [numpy_helper.to_array(proto), (photo - 120) * np.float32(1 / 58)][:count]
    size, largest = (32, 255) if name.startswith("ic") else (96, 1)
    crops = [photo[10 : 10 + size, 20 : 20 + size] for photo in photos["x128"][: count - 1]]
    noise = rng.integers(0, 256, (size, size, 3))
    return [x[None].astype(np.float32) * np.float32(largest / 255) for x in (*crops, noise)]


def integer_tensors(network: Network, model: onnx.ModelProto) -> list[str]:
    """Return the tensors that the file (or graph) and the imported network both hold."""
    named = {name for node in model.graph.node for name in node.output}
    return [
        name
        for name, tensor in network.tensors.items()
        if name in named and not tensor.is_constant
        if not tensor.is_float or name in network.outputs
    ]


def differences(
    network: Network, model: onnx.ModelProto, names: list[str], inputs: list[NDArray]
) -> dict[str, int]:
    """Return how many elements differ, by tensor; types and shapes have to agree."""
    reference = session(exposed(model, names), DISABLED)
    (feed,) = network.inputs
    count = dict.fromkeys(names, 0)
    for x in inputs:
        expected = reference.run(names, {feed: x})
        found = npusim_run(network, {feed: x}, names)
        for name, value in zip(names, expected, strict=True):
            assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape), name
            count[name] += int(np.count_nonzero(found[name] != value))
    return count


def output_differences(
    network: Network, model: onnx.ModelProto, inputs: list[NDArray], level: object
) -> int:
    reference = session(model, level)  # type: ignore[arg-type]
    (feed,) = network.inputs
    return sum(
        int(np.count_nonzero(npusim_run(network, {feed: x})[name] != value))
        for x in inputs
        for name, value in zip(network.outputs, reference.run(None, {feed: x}), strict=True)
    )


@pytest.mark.parametrize("name", QOPERATOR)
def test_every_integer_tensor_of_a_qoperator_file(shared: Path, name: str) -> None:
    path = shared / "models" / "onnx" / f"{name}.onnx"
    network, model = load(path), onnx.load(path)
    names = integer_tensors(network, model)
    assert len(names) == QOPERATOR[name]
    inputs = samples(shared, name)
    assert not any(differences(network, model, names, inputs).values())
    assert output_differences(network, model, inputs, ALL) == 0


def optimized(path: Path, folder: Path, keep_int8: bool = False) -> onnx.ModelProto:
    """Return the graph that onnxruntime makes of a QDQ file."""
    written = folder / "optimized.onnx"
    session(onnx.load(path), EXTENDED, written, keep_int8)
    return onnx.load(written)


@pytest.mark.parametrize("name", [*QDQ, "ic_resnet8_int8_QDQ"])
def test_qdq_networks(shared: Path, name: str, tmp_path: Path) -> None:
    path = shared / "models" / "onnx" / f"{name}.onnx"
    network, model = load(path), onnx.load(path)
    graph = optimized(path, tmp_path, keep_int8=True)
    assert {node.op_type for node in graph.graph.node}.isdisjoint({"Conv", "Gemm", "Add"})
    names = integer_tensors(network, graph)
    layers = [n for n in network.nodes if n.kind in ("Conv2D", "FullyConnected", "AveragePool")]
    assert {node.outputs[0] for node in layers} <= set(names)
    inputs = samples(shared, name, 4)
    assert not any(differences(network, graph, names, inputs).values())
    if name in QDQ:
        assert output_differences(network, model, inputs, EXTENDED) == 0


def differences_behind_float(
    path: Path, folder: Path, inputs: list[NDArray]
) -> tuple[set[str], int, int]:
    """Return the nodes the runtime keeps in float, differing bytes, and bytes compared.

    Its graph names tensors anew where it moved them to uint8: they are found by node.
    """
    network, graph = load(path), optimized(path, folder)
    floating = {node.name for node in graph.graph.node if node.op_type in ("Conv", "Add")}
    produced = {node.name: node.outputs[0] for node in network.nodes}
    pairs: dict[str, str] = {}
    for node in graph.graph.node:
        if node.op_type == "QuantizeLinear" and f"{node.name}_Output" in network.tensors:
            pairs[node.output[0]] = f"{node.name}_Output"
        elif node.op_type.startswith(("QLinear", "QGemm")) and node.name in produced:
            pairs[node.output[0]] = produced[node.name]
    reference = session(exposed(graph, list(pairs)), DISABLED)
    (feed,) = network.inputs
    different, elements = 0, 0
    for x in inputs:
        found = npusim_run(network, {feed: x}, list(pairs.values()))
        expected = reference.run(list(pairs), {feed: x})
        for own, value in zip(pairs.values(), expected, strict=True):
            if value.dtype == np.uint8:
                value = (value.astype(np.int16) - 128).astype(np.int8)
            different += int(np.count_nonzero(found[own] != value))
            elements += value.size
    return floating, different, elements


def test_ic_resnet8_qdq_has_the_bytes_of_float_nodes(shared: Path, tmp_path: Path) -> None:
    """By default the runtime keeps 6 Conv and 2 Add in float, and so the engine computes them."""
    path = shared / "models" / "onnx" / "ic_resnet8_int8_QDQ.onnx"
    inputs = samples(shared, "ic_resnet8", 6)
    floating, different, elements = differences_behind_float(path, tmp_path, inputs)
    assert floating == FLOAT_NODES
    assert elements == 6 * 114762
    assert different == 0


def test_kws_qdq_on_all_samples(shared: Path) -> None:
    """749 keywords in one batch, the answers of onnxruntime in batches of one."""
    path = shared / "models" / "onnx" / "kws_dscnn_int8_QDQ.onnx"
    inputs = samples(shared, "kws", 749)
    network, reference = load(path), session(onnx.load(path), EXTENDED)
    expected = np.concatenate([reference.run(None, {"input": x})[0] for x in inputs])
    found = npusim_run(network, {"input": np.concatenate(inputs)})["output"]
    np.testing.assert_array_equal(found, expected)
