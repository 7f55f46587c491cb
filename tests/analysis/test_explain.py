"""explain: the byte of every rule, step by step, against the figures users argue about."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import operators as op
from npusim.analysis.explain import explain
from npusim.errors import RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.prepared.engine import prepare


def golden_layer(bias: int = 585) -> Network:
    """A dense layer whose scales give M = 1527099593, e = -6; its sum is the bias where x is 0."""

    def scaled(name: str, shape: tuple[int, ...], scale: object, zero_point: int) -> Tensor:
        q = Quantization(np.float32(scale), np.int64(zero_point))
        return Tensor(name, shape, np.dtype("int8"), q)

    weights = np.array([[1, -2, 3]], np.int8)
    sw = Quantization(
        np.array([float.fromhex("0x1.83dac2p-10")], np.float32), np.zeros(1, np.int64), 0
    )
    tensors = {
        "x": scaled("x", (1, 3), 0.0766, 0),
        "w": Tensor("w", (1, 3), np.dtype("int8"), sw, weights),
        "b": Tensor("b", (1,), np.dtype("int32"), None, np.array([bias], np.int32)),
        "y": scaled("y", (1, 1), 0.0102, 0),
    }
    node = Node("dense", op.FullyConnected(), ("x", "w", "b"), ("y",))
    return Network("golden", "tflite", (node,), tensors, ("x",), ("y",))


def test_the_row_that_everyone_argues_about():
    found = explain(golden_layer(), "dense", accumulator=585)
    bytes_of = {row.rule: row.output for row in found.rows}
    assert bytes_of["xnnpack"] == 6
    assert bytes_of["tosa"] == bytes_of["half_up"] == 7
    steps = {row.rule: row.steps for row in found.rows}
    assert "1527099593 * 0 + 893353261905 = 893353261905" in steps["tosa"]
    assert "ties to even: 6" in steps["xnnpack"]


def test_every_row_is_what_the_kernels_compute():
    network = golden_layer()
    for x in ([0, 0, 0], [7, -3, 100], [-128, 127, -128]):
        accumulator = 585 + x[0] - 2 * x[1] + 3 * x[2]
        for row in explain(network, "y", accumulator=accumulator).rows:
            if row.rule != "onnxruntime":  # of .onnx files
                y = prepare(network, row.rule).run(np.array([x], np.int8))["y"]
                assert row.output == int(y[0, 0]), row.rule


def test_differences_are_counted_over_the_accumulators_that_occur():
    network = golden_layer()
    found = explain(network, "dense")
    own = next(row for row in found.rows if row.rule == found.own)
    assert own.differing == 0
    assert (found.first, found.last) == (585 - 4 * 128 - 2 * 127, 585 + 4 * 127 + 2 * 128)
    for row in found.rows:
        count = 0
        for accumulator in range(found.first, found.last + 1):
            at = explain(network, "dense", accumulator=accumulator)
            outputs = {r.rule: r.output for r in at.rows}
            count += outputs[row.rule] != outputs[found.own]
        assert row.differing == count
        if row.rule in ("floor", "xnnpack"):
            break


def test_a_range_counts_its_own_accumulators():
    network = golden_layer()
    whole, part = explain(network, "dense"), explain(network, "dense", accumulator=(500, 700))
    assert (part.first, part.last) == (500, 700)
    assert 500 <= part.accumulator <= 700
    for row, inside in zip(whole.rows, part.rows, strict=True):
        named = {a for d in row.differences for a in range(d.first, d.last + 1)}
        assert inside.differing == len(named & set(range(500, 701)))
    with pytest.raises(RangeError, match=r"accumulator: expected -181\.\.1349.*found 1350"):
        explain(network, "dense", accumulator=(500, 1350))


def test_what_cannot_be_explained_is_refused():
    network = golden_layer()
    with pytest.raises(UnsupportedError, match="tensor z; expected one of dense"):
        explain(network, "z")
    with pytest.raises(RangeError, match=r"channel: expected 0\.\.0, found 1"):
        explain(network, "dense", 1)
    with pytest.raises(RangeError, match=r"accumulator: expected -181\.\.1349"):
        explain(network, "dense", accumulator=2_000)
