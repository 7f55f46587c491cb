"""What torch's two exporters write: loaded, quantized, exported, with onnxruntime's bytes.

The files hold networks of our own with random weights; tests/zoo/pytorch/export.py writes them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import npusim
from tests.simulator.onnxruntime_reference import ALL, session

FILES = sorted((Path(__file__).parent / "pytorch/files").glob("*.onnx"))
SCHEMES = (("uniform", 8), ("pwlq", 4), ("subset", 4))
ENDS_IN_SOFTMAX = ("SSD", "Audio", "Speech")
"""Their last softmax is left off: the numbers are logits."""
LEAST_SQNR_DB = 12
"""Far below what any of them has, far above what a wrong operator gives."""
COUNT = 6
INTEGERS_BELOW = {"input": 20, "input1": 2}
"""Bert's tokens and their mask."""


def shapes_of(proto: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the inputs, of one sample."""
    return {
        value.name: tuple(axis.dim_value or 1 for axis in value.type.tensor_type.shape.dim)
        for value in proto.graph.input
    }


def samples_of(proto: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Return COUNT samples of each input."""
    rng = np.random.default_rng(5)
    found = {}
    for value in proto.graph.input:
        shape = (COUNT, *shapes_of(proto)[value.name][1:])
        if value.type.tensor_type.elem_type == onnx.TensorProto.INT64:
            found[value.name] = rng.integers(0, INTEGERS_BELOW[value.name], shape)
        else:
            found[value.name] = rng.normal(size=shape).astype(np.float32)
    return found


def one(x: dict[str, np.ndarray], n: int, network: npusim.Network) -> dict[str, np.ndarray]:
    """Return sample n as the network takes it: integers that are real values as such."""
    return {
        name: part[n : n + 1].astype(part.dtype if network.tensors[name].quantization is None
                                     else np.float32)
        for name, part in x.items()
    }  # fmt: skip


def test_they_are_at_least_fifteen_architectures_in_both_forms() -> None:
    names = {path.name.split(".")[0] for path in FILES}
    assert len(names) >= 15
    assert {path.name for path in FILES} == {
        f"{name}.{form}.onnx" for name in names for form in ("script", "dynamo")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_quantized_as_onnxruntime_runs_it(path: Path, tmp_path: Path) -> None:
    proto = onnx.load(path)
    network, x = npusim.load(path, shapes_of(proto)), samples_of(proto)
    real, values = session(proto, ALL), npusim.prepare(network)
    parts = [{name: part[n : n + 1] for name, part in x.items()} for n in range(COUNT)]
    wanted = [real.run(None, part) for part in parts]
    for found, expected in zip(values.run(parts[0]).values(), wanted[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    for scheme, bits in SCHEMES:
        made = npusim.quantize(network, x, scheme=scheme, bits=bits, encoder="nearest", threads=1)
        npusim.export(made, tmp_path / "quantized.onnx")
        check(tmp_path / "quantized.onnx", x, None if softmax(path) else wanted, scheme)


def softmax(path: Path) -> bool:
    """Return whether the float file ends in a softmax."""
    return path.name.startswith(ENDS_IN_SOFTMAX)


def check(path: Path, x: dict[str, np.ndarray], wanted: list | None, scheme: str) -> None:
    """Compare every byte of the kernels with the runtime's, and the values with the float ones."""
    network = npusim.load(path)
    runtime, engine = session(onnx.load(path), ALL), npusim.prepare(network)
    power, error = 0.0, 0.0
    for n in range(COUNT):
        part = one(x, n, network)
        codes = engine.run(part)
        for index, (name, expected) in enumerate(
            zip(network.outputs, runtime.run(list(network.outputs), part), strict=True)
        ):
            q = network.tensors[name].quantization
            assert q is not None
            steps = codes[name].astype(np.int32) - int(q.zero_point)
            found = steps.astype(np.float32) * np.float32(q.scale)
            np.testing.assert_array_equal(found, expected, f"{scheme}: {name}")
            if wanted is not None:
                power += float((wanted[n][index] ** 2).sum())
                error += float(((expected - wanted[n][index]) ** 2).sum())
    sqnr_db = 10 * np.log10(power / error) if error else np.inf
    assert wanted is None or sqnr_db > LEAST_SQNR_DB, f"{scheme}: {sqnr_db:.1f} dB"


@pytest.mark.parametrize(
    "name", ["MobileNetV3.dynamo", "Bert.script", "Yolo.script", "Keywords.dynamo"]
)
def test_the_machine_has_the_same_bytes(name: str, tmp_path: Path) -> None:
    path = next(path for path in FILES if path.stem == name)
    proto = onnx.load(path)
    x = samples_of(proto)
    made = npusim.quantize(
        npusim.load(path, shapes_of(proto)), x, scheme="subset", bits=4, encoder="nearest"
    )
    npusim.export(made, tmp_path / "q.onnx")
    network = npusim.load(tmp_path / "q.onnx")
    part = one(x, 0, network)
    kernels = npusim.run(network, part)
    machine = npusim.run(network, part, engine="machine", machine="base")
    for output in network.outputs:
        np.testing.assert_array_equal(machine.outputs[output], kernels.outputs[output], output)
