"""Channels-last operators of com.microsoft have onnxruntime's bytes, alone and in saved files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from tests.operators.onnx_cases import Case, equals_onnxruntime, values
from tests.simulator.onnxruntime_reference import (
    ALL,
    loaded,
    npusim_run,
    quiet_options,
    session,
)
from tests.zoo import classifiers, dense_outputs, sequences
from tests.zoo.architectures import Architecture, model, samples
from tests.zoo.test_onnxruntime_quantizers import quantized

MICROSOFT = "com.microsoft"


def _window(rng: np.random.Generator, axes: int) -> dict[str, list[int]]:
    kernel = [int(n) for n in rng.integers(1, 4, axes)]
    pads = [int(rng.integers(0, k)) for k in kernel * 2]
    strides = [int(n) for n in rng.integers(1, 3, axes)]
    return {"kernel_shape": kernel, "pads": pads, "strides": strides}


def _constants(rng: np.random.Generator, dtype: type, *names: str) -> dict[str, Any]:
    """Return a scale and a zero point for each name."""
    low = np.iinfo(dtype).min
    found: dict[str, Any] = {}
    for name in names:
        found[f"{name}_scale"] = np.float32(rng.uniform(0.01, 0.2))
        found[f"{name}_zero"] = dtype(low + rng.integers(256))
    return found


def _pool(rng: np.random.Generator) -> Case:
    axes = int(rng.integers(1, 3))
    dtype = (np.uint8, np.int8)[rng.integers(2)]
    shape = (int(rng.integers(1, 3)), *rng.integers(4, 9, axes), int(rng.integers(1, 9)))
    x = {"x": values(rng, shape, dtype)}
    kind = ("NhwcMaxPool", "QLinearAveragePool", "QLinearGlobalAveragePool")[rng.integers(3)]
    if kind == "NhwcMaxPool":
        node = helper.make_node(kind, ["x"], ["y"], domain=MICROSOFT, **_window(rng, axes))
        return [node], x, {}, {"y": dtype}
    held = _constants(rng, dtype, "x", "y")
    chosen: dict[str, Any] = {"channels_last": 1}
    if kind == "QLinearAveragePool":
        chosen |= {**_window(rng, axes), "count_include_pad": int(rng.integers(2))}
    node = helper.make_node(kind, ["x", *held], ["y"], domain=MICROSOFT, **chosen)
    return [node], x, held, {"y": dtype}


def _convolution(rng: np.random.Generator) -> Case:
    axes = int(rng.integers(1, 3))
    group = int(rng.integers(1, 3))
    inner, outer = (int(n) * group for n in rng.integers(1, 5, 2))
    window = _window(rng, axes)
    x = values(rng, (1, *rng.integers(4, 9, axes), inner), np.uint8)
    weights = rng.integers(0, 256, (outer, inner // group, *window["kernel_shape"]))
    held = _constants(rng, np.uint8, "x", "w", "y")
    held |= {"w": weights.astype(np.uint8), "b": rng.integers(-999, 999, outer).astype(np.int32)}
    names = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "b"]
    last = int(rng.integers(4) > 0)
    if not last:
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    node = helper.make_node(
        "QLinearConv", names, ["y"], domain=MICROSOFT, channels_last=last, group=group, **window
    )
    return [node], {"x": x}, held, {"y": np.uint8}


test_pools_equal_onnxruntime = equals_onnxruntime(_pool)
test_convolutions_equal_onnxruntime = equals_onnxruntime(_convolution)

SAVED = (
    classifiers.plain, classifiers.mobilenet_v2, classifiers.shufflenet, dense_outputs.deeplab,
    sequences.audio,
)  # fmt: skip


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("architecture", SAVED, ids=lambda a: a.__name__)
def test_what_a_default_session_saves_runs(
    architecture: Architecture, form: str, tmp_path: Path
) -> None:
    path, saved = tmp_path / "quantized.onnx", tmp_path / "saved.onnx"
    quantized(model(architecture, 1), form, "u8u8", per_channel=False, path=path)
    options = quiet_options(ALL)
    options.optimized_model_filepath = str(saved)
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    found = onnx.load(saved)
    assert any(node.op_type == "QLinearConv" and node.domain for node in found.graph.node)
    runtime, network = session(found, ALL), loaded(found)
    for feed in samples(model(architecture, 1), 5, 2):
        computed = npusim_run(network, feed)
        for output, right in zip(runtime.get_outputs(), runtime.run(None, feed), strict=True):
            np.testing.assert_array_equal(computed[output.name], right)
