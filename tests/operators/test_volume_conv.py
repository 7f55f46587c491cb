"""volume_conv: integers have onnxruntime's bytes, floats its bits where weights are computed."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _window(rng: np.random.Generator, kernel: list[int]) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "strides": rng.integers(1, 3, 3).tolist(),
        "dilations": rng.integers(1, 3, 3).tolist() if rng.random() < 0.3 else [1, 1, 1],
    }
    if rng.random() < 0.5:
        attributes["pads"] = [int(n) for k in range(2) for n in rng.integers(0, 2, 3)]
    else:
        attributes["auto_pad"] = ("SAME_UPPER", "SAME_LOWER", "VALID")[rng.integers(3)]
        attributes["dilations"] = [1, 1, 1]
    return attributes


def _shapes(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    groups, inner, outer = (int(n) for n in rng.integers(1, 4, 3))
    kernel = tuple(int(n) for n in rng.integers(1, 4, 3))
    extent = tuple(2 * (k - 1) + int(rng.integers(1, 4)) for k in kernel)
    x = (int(rng.integers(1, 3)), groups * inner, *extent)
    return x, (groups * outer, inner, *kernel), groups


def _floats(rng: np.random.Generator) -> Case:
    """Values that every order sums alike."""
    x, w, groups = _shapes(rng)
    given = {name: rng.integers(-9, 10, s).astype("f") for name, s in (("x", x), ("w", w))}
    given["b"] = rng.integers(-9, 10, w[0]).astype("f")
    held = {name: given.pop(name) for name in ("w", "b")}
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], group=groups, **_window(rng, [*w[2:]]))
    return [node], given, held, {"y": np.float32}


def _integers(rng: np.random.Generator) -> Case:
    x, w, groups = _shapes(rng)
    each = (w[0],) if rng.random() < 0.5 else ()
    held = {
        "xs": np.float32(0.05), "xz": np.array(rng.integers(256), np.uint8),
        "w": rng.integers(-60, 61, w).astype(np.int8),
        "ws": rng.uniform(0.01, 0.1, each).astype("f"), "wz": np.zeros(each, np.int8),
        "ys": np.float32(rng.uniform(0.05, 1)), "yz": np.array(rng.integers(256), np.uint8),
        "b": rng.integers(-500, 500, w[0]).astype(np.int32),
    }  # fmt: skip
    node = helper.make_node(
        "QLinearConv", ["x", *held], ["y"], group=groups, **_window(rng, [*w[2:]])
    )
    given = {"x": rng.integers(0, 256, x).astype(np.uint8)}
    return [node], given, {k: np.asarray(v) for k, v in held.items()}, {"y": np.uint8}


test_floats_equal_onnxruntime = equals_onnxruntime(_floats)
test_integers_equal_onnxruntime = equals_onnxruntime(_integers)
