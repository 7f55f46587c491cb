"""Every ONNX operator on inputs of every type and several ranks: a result, or one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from onnx import GraphProto, helper, numpy_helper
from onnx import TensorProto as T

import npusim
from npusim.operators.pages import PAGES
from tests.simulator.onnxruntime_reference import MICROSOFT

KINDS = sorted({(form.domain, form.name) for page in PAGES for form in page.onnx})
TYPES = (T.FLOAT, T.FLOAT16, T.DOUBLE, T.INT8, T.UINT8, T.INT32, T.INT64, T.BOOL, T.UINT32)
MIXED = {
    1: (),
    2: ((T.FLOAT, T.INT64), (T.INT64, T.FLOAT), (T.FLOAT, T.INT8), (T.BOOL, T.FLOAT)),
    3: ((T.FLOAT, T.INT64, T.FLOAT), (T.FLOAT, T.FLOAT, T.INT64), (T.BOOL, T.FLOAT, T.INT64)),
}
Shapes = tuple[list[int], list[int]]
BESIDE_A_CONSTANT: tuple[Shapes, ...] = (
    ([3, 3], [3, 3]),
    ([1, 3, 4, 4], [3, 3, 2, 2]),
    ([2, 3, 4, 4], [3]),
)
SHAPES: tuple[list[int], ...] = ([3, 3], [], [2, 3, 4, 4])


def cases() -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Yield the inputs' types, and the shape of each."""
    for count, mixed in MIXED.items():
        for types in (*((of,) * count for of in TYPES), *mixed):
            for shape in SHAPES:
                yield types, shape


def content(domain: str, kind: str, types: Sequence[int], shape: list[int]) -> bytes:
    """Return a file of the one node."""
    names = [f"x{i}" for i in range(len(types))]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(kind, names, ["y"], "n", domain=domain)], "one",
        [info(name, of, shape) for name, of in zip(names, types, strict=True)],
        [info("y", types[0], None)],
    )  # fmt: skip
    return in_file(graph)


def with_constant(domain: str, kind: str, types: tuple[int, int], shapes: Shapes) -> bytes:
    """Return a file of the one node whose second input is a constant of ones."""
    name, (x, w), info = "w", types, helper.make_tensor_value_info
    ones = np.ones(shapes[1], helper.tensor_dtype_to_np_dtype(w))
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", name], ["y"], "n", domain=domain)], "one",
        [info("x", x, shapes[0])], [info("y", x, None)], [numpy_helper.from_array(ones, name)],
    )  # fmt: skip
    return in_file(graph)


def in_file(graph: GraphProto) -> bytes:
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


def outcome(path: Path) -> str:
    """Return "result", "refused", or what else became of a file."""
    try:
        network = npusim.load(path)
        given = [network.tensors[name] for name in network.inputs]
        npusim.run(network, {x.name: np.ones(x.shape, x.dtype) for x in given})
    except npusim.NpuError as error:
        return "two lines" if "\n" in str(error) else "refused"
    except Exception as error:
        return repr(error)
    return "result"


@pytest.mark.parametrize(("domain", "least_results"), [("", 3000), (MICROSOFT, 30)])
def test_a_result_or_one_line(domain: str, least_results: int, tmp_path: Path) -> None:
    path, results = tmp_path / "one.onnx", 0
    for of, kind in KINDS:
        for types, shape in cases() if of == domain else ():
            path.write_bytes(content(domain, kind, types, shape))
            found = outcome(path)
            assert found in ("result", "refused"), (kind, types, shape, found)
            results += found == "result"
    assert results >= least_results


@pytest.mark.parametrize(("domain", "least_results"), [("", 400), (MICROSOFT, 5)])
def test_constants_of_other_types(domain: str, least_results: int, tmp_path: Path) -> None:
    """A second input that a file states: factors, sizes, axes, indices, of its type or another."""
    path, results = tmp_path / "one.onnx", 0
    for of, kind in KINDS:
        for types in product((T.FLOAT, T.INT64), (T.FLOAT, T.INT64)) if of == domain else ():
            for shapes in BESIDE_A_CONSTANT:
                path.write_bytes(with_constant(domain, kind, types, shapes))
                found = outcome(path)
                assert found in ("result", "refused"), (kind, types, shapes, found)
                results += found == "result"
    assert results >= least_results
