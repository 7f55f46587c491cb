"""One operator on floats, alone in its graph, against a default session of onnxruntime, by bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

from .drawn import Drawn

Made = tuple[Any, dict[str, NDArray], dict[str, NDArray]]
"""A node that writes `y`, the graph's inputs, and its constants."""


def bits_of_onnxruntime(
    make: Callable[[np.random.Generator], Made], cases: int = 200, opset: int = 23
) -> Callable[[], None]:
    """Return the test that random nodes have onnxruntime's float32 values, to the last bit."""

    def file(seed: int) -> tuple[Any, ModelProto, dict[str, NDArray]]:
        node, inputs, constants = make(np.random.default_rng(seed))
        return node, model([node], inputs, constants, {"y": np.float32}, opset), inputs

    def content(seed: int) -> bytes:
        return file(seed)[1].SerializeToString()

    def compare(seed: int) -> None:
        node, proto, inputs = file(seed)
        (expected,) = session(proto, ALL).run(None, inputs)
        found = npusim_run(loaded(proto), inputs)["y"]
        assert found.shape == expected.shape
        np.testing.assert_array_equal(found, expected, err_msg=f"seed {seed}: {node}")

    def test() -> None:
        for seed in range(cases):
            compare(seed)

    test.drawn = Drawn(".onnx", content, compare)  # type: ignore[attr-defined]
    return test
