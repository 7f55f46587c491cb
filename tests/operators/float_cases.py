"""One operator on floats, alone in its graph, against a default session of onnxruntime, by bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

Made = tuple[Any, dict[str, NDArray], dict[str, NDArray]]
"""A node that writes `y`, the graph's inputs, and its constants."""


def bits_of_onnxruntime(
    make: Callable[[np.random.Generator], Made], cases: int = 200, opset: int = 23
) -> Callable[[], None]:
    """Return the test that random nodes have onnxruntime's float32 values, to the last bit."""

    def test() -> None:
        for seed in range(cases):
            node, inputs, constants = make(np.random.default_rng(seed))
            proto = model([node], inputs, constants, {"y": np.float32}, opset)
            (expected,) = session(proto, ALL).run(None, inputs)
            found = npusim_run(loaded(proto), inputs)["y"]
            assert found.shape == expected.shape
            np.testing.assert_array_equal(found, expected, err_msg=f"seed {seed}: {node}")

    return test
