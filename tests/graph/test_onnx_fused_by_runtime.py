"""Operators that onnxruntime's optimizer writes have its bits, or are a few last places apart."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.operators.onnx_cases import Case, equals_onnxruntime
from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

MICROSOFT = "com.microsoft"


def _gelu(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(1, 20, 3))
    kind = ("BiasGelu", "FastGelu", "QuickGelu")[rng.integers(3)]
    x = (rng.normal(size=shape) * 3).astype("f")
    held = {} if kind == "QuickGelu" else {"b": rng.normal(size=shape[-1:]).astype("f")}
    attributes = {"alpha": float(rng.choice([1.702, 1, 0.5]))} if kind == "QuickGelu" else {}
    node = helper.make_node(kind, ["x", *held], ["y"], domain=MICROSOFT, **attributes)
    return [node], {"x": x}, held, {"y": np.float32}


test_gelu = equals_onnxruntime(_gelu)


@pytest.mark.parametrize("kind", ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"])
@pytest.mark.parametrize("seed", range(20))
def test_sums_normalized_are_close(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 30, 3))
    inputs = {name: rng.normal(size=shape).astype("f") for name in ("x", "skip")}
    names = ["g", "b"] if kind == "SkipLayerNormalization" else ["g"]
    held = {name: rng.normal(size=shape[-1:]).astype("f") for name in names}
    outputs = {"y": np.float32, "sum": np.float32}
    node = helper.make_node(
        kind, [*inputs, *held], ["y", "", "", "sum"], domain=MICROSOFT, epsilon=1e-5
    )
    proto = model([node], inputs, held, outputs)
    expected = session(proto, ALL).run(list(outputs), inputs)
    found = npusim_run(loaded(proto), inputs)
    np.testing.assert_allclose(found["y"], expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found["sum"], expected[1])
