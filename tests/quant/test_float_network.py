"""The float reference: equal to onnxruntime within rounding, equal to itself to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim import operators as op
from npusim.errors import RangeError, ShapeError, UnsupportedError
from npusim.quant import float_network
from npusim.quant.float_network import run_float
from npusim.quant.fold import fold
from tests.quant.networks import Maker, every_operator

RANDOM = np.random.default_rng(9)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["kws_dscnn", "ic_resnet8", "vww_mbv1"])
def test_equals_onnxruntime(shared: Path, name: str) -> None:
    import onnxruntime

    path = shared / "models/onnx" / f"{name}_fp32.onnx"
    network = npusim.load(path)
    shape = network.tensors["input"].shape
    x = RANDOM.uniform(-1, 1, size=(3, *shape[1:])).astype(np.float32)
    session = onnxruntime.InferenceSession(path)
    expected = np.concatenate([session.run(None, {"input": one[None]})[0] for one in x])
    (found,) = run_float(network, x).values()
    assert np.abs(found - expected).max() < 1e-5


def test_folding_changes_nothing_but_the_softmax() -> None:
    network = every_operator()
    x = RANDOM.normal(size=(4, 3, 9, 8))
    before, folded = run_float(network, x), fold(network)
    after = run_float(folded, x)
    kinds = [node.kind for node in folded.nodes]
    assert "BatchNormalization" not in kinds
    assert "Softmax" not in kinds
    assert [n.kind for n in folded.nodes if n.kind in ("Clip", "Sigmoid")] == ["Sigmoid"]
    assert any("softmax was dropped" in note for note in folded.notes)
    logits = after["logits:0"]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.allclose(e / e.sum(axis=1, keepdims=True), before["softmax:0"], atol=1e-6)
    assert np.allclose(after["turn:0"], before["turn:0"], atol=1e-5)


def test_batch_normalization_alone_becomes_a_layer() -> None:
    m = Maker((1, 4, 4, 3))
    parameters = [m.constant(f"p{i}", RANDOM.uniform(0.5, 2, size=3)) for i in range(4)]
    pooled = m.node("pool", op.MaxPool(op.Window((2, 2))), "x")
    y = m.node("norm", op.BatchNormalization(1e-3), pooled, *parameters)
    network = m.network(y)
    x = RANDOM.normal(size=(2, 4, 4, 3))
    folded = fold(network)
    assert [node.kind for node in folded.nodes] == ["MaxPool", "Conv2D"]
    assert np.allclose(run_float(folded, x)[y], run_float(network, x)[y], atol=1e-6)


def test_bits_do_not_depend_on_threads_or_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    network = every_operator(1)
    x = RANDOM.normal(size=(11, 3, 9, 8))
    one = run_float(network, x, threads=1)
    monkeypatch.setattr(float_network, "MOST_CHUNK_SAMPLES", 3)
    three = run_float(network, x, threads=3)
    assert all(np.array_equal(one[name], three[name]) for name in one)


def test_samples_that_do_not_fit_are_named() -> None:
    network = every_operator()
    with pytest.raises(ShapeError, match=r"x: expected samples \[N 3 9 8\], found \[2, 9, 8, 3\]"):
        run_float(network, np.zeros((2, 9, 8, 3)))
    x = np.zeros((2, 3, 9, 8))
    x[1, 2, 3, 4] = np.inf
    with pytest.raises(
        RangeError, match=r"x: expected finite samples, found inf at \[1, 2, 3, 4\]"
    ):
        run_float(network, x)


def test_weights_that_are_not_finite_are_named() -> None:
    m = Maker((1, 4))
    y = m.node("dense", op.FullyConnected(), "x", m.constant("w", np.array([[1, 2, np.nan, 4]])))
    with pytest.raises(RangeError, match=r"w: expected finite weights, found nan at \[0, 2\]"):
        run_float(m.network(y), np.zeros((1, 4)))
    integer = Maker((1, 4))
    integer.tensors["x"] = npusim_integer_input()
    with pytest.raises(UnsupportedError, match="expected a float network"):
        run_float(integer_network(), np.zeros((1, 4)))


def npusim_integer_input():
    from npusim.graph.tensor import Quantization, Tensor

    return Tensor("x", (1, 4), np.dtype(np.int8), Quantization(np.float32(1), np.int64(0)))


def integer_network():
    from npusim.graph.network import Network, Node
    from npusim.graph.tensor import Quantization, Tensor

    q = Quantization(np.float32(1), np.int64(0))
    tensors = {
        "x": npusim_integer_input(),
        "w": Tensor("w", (2, 4), np.dtype(np.int8), q, np.ones((2, 4), np.int8)),
        "y": Tensor("y", (1, 2), np.dtype(np.int8), q),
    }
    node = Node("dense", op.FullyConnected(), ("x", "w"), ("y",))
    return Network("integer", "onnx", (node,), tensors, ("x",), ("y",))
