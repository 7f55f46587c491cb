"""Files of several subgraphs whose branch or number of turns is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import litert
from tests.simulator.test_tflite_subgraphs import File, Graph
from tests.simulator.tflite_builder import options

from .litert_cases import KERNELS, Draw, network

INT32, FLOAT32, BOOL = (getattr(schema.TensorType, n) for n in ("INT32", "FLOAT32", "BOOL"))


def tensor(graph: Graph, shape: Sequence[int], kind: int, data: Any = None) -> int:
    """Add a tensor of any type and shape."""
    index = graph.tensor(data, kind)
    graph.record.tensors[index].shape = np.array(shape, np.int32)
    return index


def constant(graph: Graph, value: Any, kind: int) -> int:
    """Add a constant scalar."""
    dtype = {INT32: np.int32, FLOAT32: np.float32}[kind]
    return tensor(graph, (), kind, np.array(value, dtype))


def apply(graph: Graph, kind: str, inputs: list[int], shape: Sequence[int], of: int) -> int:
    """Add an operator with its options' defaults, and return its output."""
    y = tensor(graph, shape, of)
    names = {"ADD": "AddOptions", "MUL": "MulOptions", "LESS": "LessOptions", "SUB": "SubOptions",
             "GREATER": "GreaterOptions"}  # fmt: skip
    graph.add(kind, inputs, [y], options(names[kind]) if kind in names else None)
    return y


def equals_litert(file: File, arrays: Sequence[NDArray]) -> None:
    """Hold every output of every set of kernels against LiteRT."""
    content = file.content()
    of = network(content)
    for kernels, rule in KERNELS.items():
        interpreter = litert(content, kernels)
        for detail, x in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], x)
        interpreter.invoke()
        found = prepare(of, rule).run(dict(zip(of.inputs, arrays, strict=True)))
        details = interpreter.get_output_details()
        for y, detail in zip(found.values(), details, strict=True):
            np.testing.assert_array_equal(y, interpreter.get_tensor(detail["index"]), kernels)


def counted(draw: Draw) -> tuple[File, list[NDArray]]:
    """Return a loop that adds to int8 and float values until a counter reaches a given number."""
    file = File()
    graph, condition, body = Graph(file), Graph(file), Graph(file)
    rows = (1, draw.between(1, 5))
    kinds = ((), INT32), ((), INT32), ((1, 4), None), (rows, FLOAT32)

    def values(of: Graph) -> list[int]:
        return [of.tensor() if kind is None else tensor(of, shape, kind) for shape, kind in kinds]

    given, after = values(graph), values(graph)
    fields = options("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2)
    graph.add("WHILE", given, after, fields)
    graph.ends(given, after)
    seen = values(condition)
    condition.ends(seen, [apply(condition, "LESS", seen[:2], (), BOOL)])
    count, most, q, x = values(body)
    step = constant(body, draw.between(1, 3), INT32)
    total = body.tensor()
    body.add("ADD", [q, q], [total], options("AddOptions"))
    scaled = apply(body, "MUL", [x, constant(body, 1.25, FLOAT32)], rows, FLOAT32)
    body.ends([count, most, q, x],
              [apply(body, "ADD", [count, step], (), INT32), most, total, scaled])  # fmt: skip
    arrays = [
        np.array(draw.between(-2, 3), np.int32),
        np.array(draw.between(-2, 9), np.int32),
        draw.rng.integers(-128, 128, (1, 4)).astype(np.int8),
        draw.rng.uniform(-4, 4, rows).astype(np.float32),
    ]
    return file, arrays


def chosen(draw: Draw) -> tuple[File, list[NDArray]]:
    """Return a branch between x + b and x * b, by a condition that is computed from a number."""
    file = File()
    graph, then, other = Graph(file), Graph(file), Graph(file)
    shape = (1, draw.between(1, 6))
    number = tensor(graph, (), INT32)
    x, y = (tensor(graph, shape, FLOAT32) for _ in range(2))
    holds = apply(graph, "GREATER", [number, constant(graph, 0, INT32)], (), BOOL)
    fields = options("IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    graph.add("IF", [holds, x], [y], fields)
    graph.ends([number, x], [y])
    for inner, kind in ((then, "ADD"), (other, draw.pick(["MUL", "SUB"]))):
        inside = tensor(inner, shape, FLOAT32)
        value = constant(inner, float(draw.rng.uniform(-2, 2)), FLOAT32)
        inner.ends([inside], [apply(inner, kind, [inside, value], shape, FLOAT32)])
    arrays = [
        np.array(draw.between(-3, 3), np.int32),
        draw.rng.uniform(-4, 4, shape).astype(np.float32),
    ]
    return file, arrays
