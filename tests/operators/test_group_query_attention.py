"""group_query_attention: outputs and what is kept are onnxruntime's, but for the last places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

import npusim
from tests.simulator.onnxruntime_reference import loaded, model

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    samples, groups, times = (int(n) for n in rng.integers(1, 4, 3))
    steps, past = int(rng.integers(1, 6)), int(rng.integers(0, 5))
    size = 16 * int(rng.integers(1, 3))  # the runtime's heads are of multiples of 16
    if past and steps > 1:
        samples = 1  # as the runtime demands
    heads, turns, packed = groups * times, rng.random() < 0.5, rng.random() < 0.3

    def normal(*shape: int) -> Any:
        return rng.normal(size=shape).astype("f")

    inputs = {"q": normal(samples, steps, (heads + 2 * groups if packed else heads) * size)}
    names = ["q", "", ""]
    if not packed:
        inputs |= {n: normal(samples, steps, groups * size) for n in ("k", "v")}
        names = ["q", "k", "v"]
    if past:
        inputs |= {n: normal(samples, groups, past, size) for n in ("pk", "pv")}
    names += ["pk", "pv"] if past else ["", ""]
    inputs["last"] = np.full(samples, past + steps - 1, np.int32)
    if past and steps == 1:  # samples of several lengths
        inputs["last"] = rng.integers(0, past + 1, samples).astype(np.int32)
    held: dict[str, Any] = {"total": np.array([past + steps], np.int32)}
    names += ["last", "total"]
    chosen: dict[str, Any] = {"num_heads": heads, "kv_num_heads": groups}
    if turns:
        angles = rng.normal(size=(16, size // 2))
        held |= {"c": np.cos(angles).astype("f"), "s": np.sin(angles).astype("f")}
        names += ["c", "s"]
        chosen |= {"do_rotary": 1, "rotary_interleaved": int(rng.integers(2))}
    if rng.random() < 0.3:
        chosen["softcap"] = 5.0
    if rng.random() < 0.3:
        chosen["scale"] = 0.3
    if rng.random() < 0.3:
        chosen["local_window_size"] = int(rng.integers(1, 5))
    node = helper.make_node(
        "GroupQueryAttention", names, ["y", "nk", "nv"], domain="com.microsoft", **chosen
    )
    return [node], inputs, held, {name: np.float32 for name in ("y", "nk", "nv")}


test_is_close_to_onnxruntime = equals_onnxruntime(_random, last_places=8)


def test_what_changes_softmax_is_refused_by_name() -> None:
    x = np.ones((1, 2, 8), "f")
    inputs = {"q": x, "k": x, "v": x, "last": np.array([1], np.int32)}
    node = helper.make_node(
        "GroupQueryAttention", ["q", "k", "v", "", "", "last", "t"], ["y"],
        domain="com.microsoft", num_heads=1, kv_num_heads=1, smooth_softmax=1,
    )  # fmt: skip
    with pytest.raises(npusim.NpuError, match="smooth_softmax is not supported"):
        loaded(model([node], inputs, {"t": np.array([2], np.int32)}, {"y": np.float32}))
