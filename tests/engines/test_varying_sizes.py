"""A network whose outputs have sizes known only at run: engines, estimate, batches, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from npusim.engines.engine import run
from npusim.engines.estimate import estimate
from npusim.errors import ShapeError, UnsupportedError
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from tests.simulator.onnxruntime_reference import loaded, model

NODE = helper.make_node
X = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 3.0]], np.float32)


def places(*behind: object) -> Network:
    nodes = [NODE("NonZero", ["x"], ["places"]), NODE("Shape", ["places"], ["shape"]), *behind]
    outputs = {"places": np.int64, "shape": np.int64}
    return loaded(model(nodes, {"x": X}, {"zero": np.array(0), "one": np.array(1)}, outputs))


def test_tensors_are_declared_at_their_largest_size() -> None:
    tensors = places().tensors
    assert tensors["places"].shape == (2, 6)
    assert tensors["places"].varies
    assert not tensors["x"].varies


@pytest.mark.parametrize("engine", ["kernels", "machine"])
def test_outputs_have_the_size_of_the_run(engine: str) -> None:
    network = places()
    for x, count in ((X, 2), (np.ones_like(X), 6), (np.zeros_like(X), 0), (X, 2)):
        machine = Machine.load("nano")
        result = run(network, x, engine=engine, machine=machine)
        np.testing.assert_array_equal(result.outputs["places"], np.stack(np.nonzero(x)))
        np.testing.assert_array_equal(result.outputs["shape"], [2, count])


def test_an_estimate_is_of_the_largest_size() -> None:
    found = estimate(places(), Machine.load("nano"))
    assert found.host_operators == ("places", "shape")
    assert found.program.place("places").shape == (2, 6)


def test_several_runs_of_a_size_each_make_no_array() -> None:
    with pytest.raises(ShapeError, match="places is known only at run"):
        run(places(), np.concatenate([X, X]))


def test_a_run_of_such_sizes_has_no_arrays_to_be_bound() -> None:
    with pytest.raises(UnsupportedError, match="sizes that are known only at run"):
        prepare(places()).bind({"x": X})


def test_a_size_that_follows_from_data_is_refused_when_the_file_is_loaded() -> None:
    total = NODE("ReduceMax", ["places"], ["most"], keepdims=0)
    with pytest.raises(UnsupportedError, match=r"r \(Range\): expected"):
        places(total, NODE("Range", ["zero", "most", "one"], ["r"], "r"))
