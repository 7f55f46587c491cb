"""batch_normalization: its real meaning is ONNX's; on integers there is none."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from npusim import operators as op
from npusim.operators.batch_normalization import PAGE, real
from npusim.operators.page import Absent
from tests.simulator.onnxruntime_reference import (
    ALL,
    MICROSOFT,
    loaded,
    model,
    npusim_run,
    session,
)


@pytest.mark.parametrize("seed", range(20))
def test_real_meaning_is_onnxs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, c, h, w = rng.integers(1, 5, 4)
    x = rng.normal(size=(n, c, h, w)).astype(np.float32)
    gamma, beta, mean = (rng.normal(size=c).astype(np.float32) for _ in range(3))
    variance = rng.uniform(0, 2, c).astype(np.float32)
    epsilon = float(10.0 ** rng.integers(-8, 0))
    names = ("x", "gamma", "beta", "mean", "variance")
    node = helper.make_node("BatchNormalization", names, ["y"], epsilon=epsilon)
    values = [helper.make_tensor_value_info(k, TensorProto.FLOAT, None) for k in (*names, "y")]
    graph = helper.make_graph([node], "g", values[:-1], values[-1:])
    given = dict(zip(names, (x, gamma, beta, mean, variance), strict=True))
    (expected,) = ReferenceEvaluator(helper.make_model(graph)).run(None, given)
    channels_last = x.transpose(0, 2, 3, 1).astype(np.float64)
    statistics = [v.astype(np.float64) for v in (gamma, beta, mean, variance)]
    found = real(op.BatchNormalization(epsilon), channels_last, *statistics)
    np.testing.assert_allclose(found.transpose(0, 3, 1, 2), expected, rtol=1e-4, atol=1e-4)


def test_integers_are_refused() -> None:
    assert isinstance(PAGE.quantized, Absent)


def test_constants_of_four_bits() -> None:
    """As onnxruntime's quantizer writes them: DequantizeLinear of com.microsoft before opset 21."""
    rng = np.random.default_rng(0)
    x = {"x": rng.normal(size=(1, 5, 4, 4)).astype("f")}
    held = {n: rng.uniform(0.5, 2, 5).astype("f") for n in ("beta", "mean", "variance")}
    held["s"] = np.array(0.25, "f")
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["gamma"], domain=MICROSOFT),
        helper.make_node("BatchNormalization", ["x", "gamma", "beta", "mean", "variance"], ["y"]),
    ]
    proto = model(nodes, x, held, {"y": np.float32})
    codes = helper.make_tensor("w", TensorProto.INT4, [5], [-8, 7, 3, 1, -2])
    proto.graph.initializer.append(codes)
    proto.ir_version = 10
    (expected,) = session(proto, ALL).run(None, x)
    np.testing.assert_array_equal(npusim_run(loaded(proto), x)["y"], expected)
