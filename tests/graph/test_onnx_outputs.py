"""What stands in a file beside its computation: constant outputs, infinities, unused outputs."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from npusim.errors import UnsupportedError
from tests.operators.onnx_cases import Case, equals_onnxruntime
from tests.simulator.onnxruntime_reference import loaded, model


def _masked(rng: np.random.Generator) -> Case:
    """A mask of infinities, positions that the shape says, and outputs that are constants."""
    n = int(rng.integers(2, 9))
    mask = np.triu(np.full((n, n), -np.inf, np.float32), 1)
    nodes = [
        helper.make_node("Add", ["x", "mask"], ["m"]),
        helper.make_node("Softmax", ["m"], ["y"]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "last"], ["extent"]),
        helper.make_node("Range", ["zero", "extent", "one"], ["places"]),
    ]
    held = {"mask": mask, "last": np.array(1), "zero": np.array(0), "one": np.array(1)}
    outputs = {"y": np.float32, "places": np.int64, "shape": np.int64}
    return nodes, {"x": rng.normal(size=(n, n)).astype("f")}, held, outputs


test_constants_are_outputs = equals_onnxruntime(_masked, cases=20)


def _last_state(rng: np.random.Generator) -> Case:
    hidden = int(rng.integers(1, 9))
    held = {"w": rng.normal(size=(1, 3 * hidden, 4)), "r": rng.normal(size=(1, 3 * hidden, hidden))}
    node = helper.make_node("GRU", ["x", "w", "r"], ["", "h"], hidden_size=hidden)
    x = rng.normal(size=(5, 2, 4)).astype("f")
    return [node], {"x": x}, {k: v.astype("f") for k, v in held.items()}, {"h": np.float32}


test_a_first_output_may_be_unused = equals_onnxruntime(_last_state, cases=20)


def _dropped(rng: np.random.Generator) -> Case:
    node = helper.make_node("Dropout", ["x"], ["y", "kept"])
    x = rng.normal(size=(2, int(rng.integers(1, 9)))).astype("f")
    return [node], {"x": x}, {}, {"y": np.float32, "kept": np.bool_}


test_dropout_keeps_all = equals_onnxruntime(_dropped, cases=5)


def test_training_is_refused() -> None:
    node = helper.make_node("Dropout", ["x", "ratio", "training"], ["y"])
    held = {"ratio": np.array(0.5, np.float32), "training": np.array(True)}
    proto = model([node], {"x": np.zeros(3, np.float32)}, held, {"y": np.float32})
    with pytest.raises(UnsupportedError, match="training"):
        loaded(proto)
