"""branch: a condition that is computed takes the subgraph that the runtimes take."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from .called_cases import chosen, equals_litert
from .litert_cases import Draw, random_layers
from .onnx_cases import Case, equals_onnxruntime, values


@random_layers
def test_equals_litert(draw: Draw) -> None:
    equals_litert(*chosen(draw))


def _random(rng: np.random.Generator) -> Case:
    """Return a branch on a computed condition, whose sides are as large as each other or not."""
    shape = tuple(rng.integers(1, 4, rng.integers(0, 5)))
    inputs = {name: np.asarray(values(rng, shape, np.float32)) for name in ("x", "z")}
    sides = []
    for number in range(2):
        nodes = [
            helper.make_node("Mul", ["x", "z"], [f"p{number}"]),
            helper.make_node("Neg", ["x"], [f"p{number}"]),
            helper.make_node("Add", ["z", f"w{number}"], [f"p{number}"]),
        ]
        inside = [nodes[rng.integers(3)]]
        last = f"p{number}"
        if shape and rng.random() < 0.4:
            inside.append(helper.make_node("Concat", [last, "x"], [f"q{number}"], axis=0))
            last = f"q{number}"
        value = numpy_helper.from_array(np.asarray(values(rng, (), np.float32)), f"w{number}")
        given = helper.make_tensor_value_info(last, 1, None)
        sides.append(helper.make_graph(inside, f"side{number}", [], [given], [value]))
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "zero"], ["holds"]),
        helper.make_node("If", ["holds"], ["y"], then_branch=sides[0], else_branch=sides[1]),
        helper.make_node("Neg", ["y"], ["n"]),
    ]
    return nodes, inputs, {"zero": np.array(0, np.float32)}, {"y": np.float32, "n": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_random)


def _decided(rng: np.random.Generator) -> Case:
    """Return a branch that shapes decide, whose sides have different ranks, one inside another."""
    inputs = {"x": values(rng, (int(rng.integers(1, 3)), 3), np.float32)}
    info = helper.make_tensor_value_info("r", 1, None)
    inner = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["m"]), helper.make_node("Add", ["m", "k"], ["r"])],
        "inner",
        [],
        [info],
        [numpy_helper.from_array(np.ones(1, np.float32), "k")],
    )
    same = helper.make_graph([helper.make_node("Identity", ["x"], ["r"])], "same", [], [info])
    nested = helper.make_node("If", ["few"], ["r"], then_branch=inner, else_branch=same)
    first = helper.make_graph([nested], "first", [], [info])
    flat = helper.make_node("Reshape", ["x", "flat"], ["r"])
    second = helper.make_graph([flat], "second", [], [info])
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["rows"]),
        helper.make_node("Equal", ["rows", "two"], ["pair"]),
        helper.make_node("If", ["pair"], ["y"], then_branch=first, else_branch=second),
        helper.make_node("Relu", ["y"], ["n"]),
    ]
    constants = {"zero": np.array(0), "two": np.array(2), "flat": np.array([-1])}
    constants["few"] = np.array(bool(rng.integers(2)))
    return nodes, inputs, constants, {"n": np.float32}


test_decided_equals_onnxruntime = equals_onnxruntime(_decided, 20)
