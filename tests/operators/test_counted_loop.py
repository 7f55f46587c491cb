"""counted_loop: values carried and collected as onnxruntime's Loop has them."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from .onnx_cases import Case, equals_onnxruntime, values

NODE, INFO = helper.make_node, helper.make_tensor_value_info


def _random(rng: np.random.Generator) -> Case:
    """Return a loop over a carried value, that ends by its count, by a sum, or by either."""
    shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 4)))
    collects, ends = bool(rng.integers(2)), bool(rng.integers(2))
    nodes = [
        NODE("Add", ["h", "x"], ["s"]),
        NODE("Mul", ["s", "half"], ["h2"]),
        NODE("Cast", ["turn"], ["t"], to=1),
        NODE("Add", ["h2", "t"], ["row"]),
    ]
    if ends:
        nodes += [NODE("ReduceMax", ["h2"], ["most"], keepdims=0),
                  NODE("Less", ["most", "end"], ["again"])]  # fmt: skip
    else:
        nodes += [NODE("Identity", ["holds"], ["again"])]
    held = [numpy_helper.from_array(np.array(0.5, np.float32), "half")]
    body = helper.make_graph(
        nodes,
        "body",
        [INFO("turn", 7, []), INFO("holds", 9, []), INFO("h", 1, shape)],
        [INFO("again", 9, []), INFO("h2", 1, None), *([INFO("row", 1, None)] if collects else [])],
        held,
    )
    condition = "go" if rng.integers(2) else ""
    limited = collects or not ends or bool(rng.integers(2))
    outputs = {"y": np.float32, **({"rows": np.float32} if collects else {})}
    node = NODE("Loop", ["limit" if limited else "", condition, "h0"], [*outputs], body=body)
    inputs = {name: np.asarray(values(rng, shape, np.float32)) for name in ("x", "h0")}
    if not limited:
        inputs["x"] = np.asarray(np.abs(inputs["x"]) + 1, np.float32)
    constants = {"end": np.array(rng.choice([-1, 0.5, 3]), np.float32)}
    if limited:
        constants["limit"] = np.array(rng.integers(0, 6))
    else:
        constants["end"] = np.array(0.5, np.float32)
    if condition:
        constants["go"] = np.array(True)
    return [node, NODE("Neg", ["y"], ["n"])], inputs, constants, {**outputs, "n": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_random)
