"""The official ONNX node tests of the quantized operators.

All that the operator set covers give the published outputs, but four: the int8 QLinearMatMul
goldens wrap where the standard says saturate. There onnxruntime decides.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from npusim.errors import UnsupportedError

from .onnxruntime_reference import DISABLED, loaded, npusim_run, session

EXCLUDED = {
    "test_dequantizelinear_blocked": "one scale per block of an axis: no block_size",
    "test_quantizelinear_int4": "activations are of eight bits or more",
    "test_quantizelinear_uint4": "activations are of eight bits or more",
}
WRAPPING = {
    f"test_qlinearmatmul_{rank}_int8_{scale}"
    for rank in ("2D", "3D")
    for scale in ("float16", "float32")
}
DATA = {"x", "a", "b", "A", "B"}
"""Inputs that are data; the scales, zero points and weights of these models become constants."""
COUNT = 23


def members(shared: Path) -> dict[str, bytes]:
    archive = shared / "models" / "onnx" / "onnx_node_tests.tar.gz"
    with tarfile.open(archive) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]


def tensor(files: dict[str, bytes], name: str) -> onnx.TensorProto:
    return onnx.TensorProto.FromString(files[name])


def case(
    files: dict[str, bytes], name: str
) -> tuple[onnx.ModelProto, dict[str, NDArray], list[NDArray]]:
    """Return the model with constants in it, its data, and the published outputs."""
    model = onnx.load(io.BytesIO(files[f"{name}/model.onnx"]))
    folder = f"{name}/test_data_set_0"
    feeds, kept = {}, []
    for index, value in enumerate(model.graph.input):
        proto = tensor(files, f"{folder}/input_{index}.pb")
        proto.name = value.name
        if value.name in DATA:
            feeds[value.name] = numpy_helper.to_array(proto)
            kept.append(value)
        else:
            model.graph.initializer.append(proto)
    del model.graph.input[:]
    model.graph.input.extend(kept)
    outputs = [
        numpy_helper.to_array(tensor(files, f"{folder}/output_{index}.pb"))
        for index in range(len(model.graph.output))
    ]
    return model, feeds, outputs


@pytest.mark.shared
def test_official_node_tests(shared: Path) -> None:
    files = members(shared)
    names = sorted({name.split("/")[0] for name in files})
    assert len(names) == COUNT
    assert set(EXCLUDED) | WRAPPING <= set(names)
    for name in names:
        model, feeds, expected = case(files, name)
        if name in EXCLUDED:
            with pytest.raises(UnsupportedError):
                npusim_run(loaded(model), feeds)
            continue
        if name in WRAPPING:
            published = expected
            expected = session(model, DISABLED).run(None, feeds)
            assert not np.array_equal(published[0], expected[0]), f"{name} no longer wraps"
        found = npusim_run(loaded(model), feeds)
        for output, value in zip(model.graph.output, expected, strict=True):
            assert found[output.name].dtype == value.dtype, name
            np.testing.assert_array_equal(found[output.name], value, err_msg=name)
