"""Rule `onnx`: QDQ files as they are written equal onnxruntime with every optimization off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import npusim
from npusim.formats.files import load
from npusim.prepared.engine import prepare
from tests.simulator.onnxruntime_reference import DISABLED, loaded, session
from tests.simulator.onnxruntime_reference import model as model_of
from tests.zoo.architectures import ARCHITECTURES, Architecture, model, samples
from tests.zoo.test_onnxruntime_quantizers import quantized


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.__name__)
def test_every_byte_of_a_session_without_optimizations(
    architecture: Architecture, tmp_path: Path
) -> None:
    proto, path = model(architecture, 0), tmp_path / "quantized.onnx"
    quantized(proto, "QDQ", "u8s8", True, path)
    runtime = session(onnx.load(path), DISABLED)
    (feed,) = samples(proto, 9, 1)
    found = prepare(load(path), "onnx").run(dict(feed))
    for output, expected in zip(runtime.get_outputs(), runtime.run(None, feed), strict=True):
        np.testing.assert_array_equal(found[output.name], expected, err_msg=output.name)


def test_weights_that_onnxruntime_quantizes_are_named() -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["t"], "layer"),
        helper.make_node("QuantizeLinear", ["t", "s", "z"], ["y"]),
    ]
    held = {"s": np.float32(0.1), "z": np.uint8(3), "w": np.ones((2, 1, 1, 1), np.float32)}
    x = np.zeros((1, 1, 3, 3), np.float32)
    network = loaded(model_of(nodes, {"x": x}, held, {"y": np.uint8}))
    prepare(network, "onnxruntime")
    with pytest.raises(npusim.NpuError, match="layer: onnxruntime quantizes it anew"):
        prepare(network, "onnx")


def test_files_of_other_formats_have_no_such_meaning() -> None:
    network = npusim.load(Path(npusim.__file__).parent / "networks/digits/digits_int8.onnx")
    with pytest.raises(npusim.NpuError, match=r"expected an \.onnx file"):
        prepare(network, "onnx")
