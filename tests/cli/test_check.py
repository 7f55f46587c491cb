"""`npusim check` and the error of load: everything that is missing, at once; cutting it off."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import npusim as package
from npusim.errors import FormatError, RangeError, UnsupportedError
from tests.cli.conftest import Finished
from tests.simulator.test_tflite_subgraphs import File, Graph, accumulator, add_one
from tests.simulator.tflite_builder import Value, single_operator

INT8 = TensorProto.INT8


@pytest.fixture
def partly(tmp_path: Path) -> Path:
    """Return x - DQ - Abs - Q - y beside two random values, and an unknown node behind one."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["r"]),
        helper.make_node("Abs", ["r"], ["a"], "abs"),
        helper.make_node("QuantizeLinear", ["a", "s", "z"], ["y"]),
        helper.make_node("RandomNormalLike", ["r"], ["d"], "first_draw"),
        helper.make_node("RandomNormalLike", ["r"], ["e"], "second_draw"),
        helper.make_node("Own", ["d"], ["f"], "own", domain="example"),
    ]
    inputs = [helper.make_tensor_value_info("x", INT8, (1, 3, 3))]
    floats = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1,)) for n in ("e", "f")]
    outputs = [helper.make_tensor_value_info("y", INT8, (1, 3, 3)), *floats]
    constants = [
        helper.make_tensor("s", TensorProto.FLOAT, (), [0.5]),
        helper.make_tensor("z", INT8, (), [3]),
    ]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("example", 1)]
    path = tmp_path / "partly.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_everything_is_listed_once_by_kind(
    npusim: Callable[..., Finished], partly: Path, tmp_path: Path
) -> None:
    done = npusim("check", partly, "--json", tmp_path / "c.json")
    assert done.code == 2
    found = json.loads((tmp_path / "c.json").read_text())
    assert not found["runs"]
    rows = [(m["operator"], m["count"], m["first"]) for m in found["missing"]]
    assert rows == [("RandomNormalLike", 2, "first_draw"), ("example.Own", 1, "own")]
    assert all("--outputs" in row["advice"] for row in found["missing"])
    assert set(found["outputs"]) == {"r", "y"}
    for word in ("first_draw", "example.Own", "--outputs r,y"):
        assert word in done.out


def test_load_says_the_same_in_one_line(npusim: Callable[..., Finished], partly: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"first_draw.*\(2 times\).*own.*--outputs r,y") as e:
        package.load(partly)
    for command in ("run", "estimate"):
        done = npusim(command, partly)
        assert (done.code, done.err) == (2, f"npusim: {e.value}\n")


def test_what_is_left_runs_as_the_runtime_has_it(
    npusim: Callable[..., Finished], partly: Path, tmp_path: Path
) -> None:
    x = np.random.default_rng(1).integers(-128, 128, (1, 3, 3)).astype(np.int8)
    np.save(tmp_path / "x.npy", x)
    arguments = ("--input", tmp_path / "x.npy", "--output", tmp_path / "y.npz")
    assert npusim("run", partly, "--outputs", "y", *arguments).code == 0
    onnx.utils.extract_model(str(partly), str(tmp_path / "cut.onnx"), ["x"], ["y"])
    session = onnxruntime.InferenceSession(tmp_path / "cut.onnx")
    with np.load(tmp_path / "y.npz") as found:
        np.testing.assert_array_equal(found["y"], session.run(["y"], {"x": x})[0])
    assert npusim("check", partly, "--until", "y").code == 0


def test_a_wrong_output_is_named(partly: Path) -> None:
    with pytest.raises(FormatError, match="no node computes q; the network's are y, e, f"):
        package.load(partly, outputs=["q"])


def branching() -> tuple[bytes, list[int]]:
    """Return x + x = a, a TRANSPOSE of unknown kind on a; x + a = b, an output as well."""
    file = File()
    graph = Graph(file)
    x = graph.tensor()
    a, lost = add_one(graph, x, x), graph.tensor()
    graph.add("DILATE", [a, x], [lost])
    b = add_one(graph, x, a)
    graph.ends([x], [lost, b])
    return file.content(), [x, a, lost, b]


def test_a_tflite_file_is_cut_at_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    content, (_, a, lost, b) = branching()
    path.write_bytes(content)
    found = package.check(path)
    assert [m.operator for m in found.missing] == ["DILATE"]
    assert found.outputs == (f"t{a}", f"t{b}")
    by_label = package.load(path, outputs=[f"1:{b}"])
    assert by_label.outputs == (f"t{b}",)
    assert package.check(path, outputs=found.outputs).runs
    with pytest.raises(UnsupportedError, match="DILATE is not supported"):
        package.load(path, outputs=[f"t{lost}"])


def test_what_a_kept_output_does_not_need_goes_with_its_state(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(accumulator())
    whole = package.load(path)
    assert package.load(path, outputs=whole.outputs).state
    read = whole.state[0].value
    cut = package.load(path, outputs=[whole.inputs[0]])
    assert (cut.state, cut.nodes) == ((), ())
    assert read not in cut.tensors


def test_a_form_is_refused_at_load_as_at_check(tmp_path: Path) -> None:
    """What no page computes is refused by load, so that run never has to."""
    path = tmp_path / "net.tflite"
    x, y = (Value((1, 4), "int16", np.float32(0.1), zero) for zero in (0, 5))
    path.write_bytes(single_operator("LOGISTIC", [x], y, None))
    (found,) = package.check(path).missing
    assert (found.operator, found.first) == ("Sigmoid", "logistic_0")
    with pytest.raises(RangeError, match="logistic_0: expected zero point 0"):
        package.load(path)
