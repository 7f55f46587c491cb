"""short_time_fourier: onnxruntime's transforms, but for the last places of the greatest value."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    length, hop = (int(n) for n in rng.integers(2, 33, 2))
    x = rng.normal(size=(int(rng.integers(1, 3)), length + int(rng.integers(0, 99)), 1)).astype("f")
    held: dict[str, Any] = {"h": np.array(hop)}
    names = ["x", "h"]
    if rng.random() < 0.6:
        held["w"] = np.hanning(length + 2)[1:-1].astype("f")
        names.append("w")
    if len(names) < 3 or rng.random() < 0.5:
        names += [""] * (3 - len(names)) + ["n"]
        held["n"] = np.array(length)
    node = helper.make_node("STFT", names, ["y"], onesided=int(rng.integers(2)))
    return [node], {"x": x}, held, {"y": np.float32}


test_is_close_to_onnxruntime = equals_onnxruntime(_random, last_places=256)
