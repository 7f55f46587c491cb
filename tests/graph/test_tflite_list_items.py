"""Setting an item of a list by slices of computed length; LiteRT is the witness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from npusim.errors import UnsupportedError
from npusim.formats.files import load
from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import litert
from tests.simulator.test_tflite_subgraphs import File, Graph
from tests.simulator.tflite_builder import options

FLOAT32, INT32 = schema.TensorType.FLOAT32, schema.TensorType.INT32
ITEMS, VALUES = 5, 3


def list_file(step: int = 1, shows_slice: bool = False) -> bytes:
    """Return y = concat(x[:i], item, x[i + step:]), as the converter writes it in a loop."""
    file = File()
    graph = Graph(file)

    def tensor(shape: tuple[int, ...], kind: int, data: list[int] | None = None) -> int:
        array = None if data is None else np.array(data, np.int32).reshape(shape)
        index = graph.tensor(array, kind)
        graph.record.tensors[index].shape = np.array(shape, np.int32)
        return index

    def vector(number: int, rest: list[int]) -> int:
        alone, whole = tensor((1,), INT32), tensor((3,), INT32)
        graph.add("RESHAPE", [number, tensor((1,), INT32, [1])], [alone], options("ReshapeOptions"))
        joint = options("ConcatenationOptions")
        graph.add("CONCATENATION", [alone, tensor((2,), INT32, rest)], [whole], joint)
        return whole

    x, item = tensor((ITEMS, 1, VALUES), FLOAT32), tensor((1, 1, VALUES), FLOAT32)
    i, j = tensor((), INT32), tensor((), INT32)
    graph.add("ADD", [i, tensor((), INT32, [step])], [j], options("AddOptions"))
    before, behind, y = (tensor((n, 1, VALUES), FLOAT32) for n in (1, 1, ITEMS))
    for part in (before, behind):
        graph.record.tensors[part].shapeSignature = np.array((-1, 1, VALUES), np.int32)
    for place, size, part in (
        (tensor((3,), INT32, [0, 0, 0]), vector(i, [-1, -1]), before),
        (vector(j, [0, 0]), tensor((3,), INT32, [-1, -1, -1]), behind),
    ):
        graph.add("SLICE", [x, place, size], [part], options("SliceOptions"))
    graph.add("CONCATENATION", [before, item, behind], [y], options("ConcatenationOptions"))
    graph.ends([x, item, i], [y, before] if shows_slice else [y])
    return file.content()


def test_every_item_equals_litert(tmp_path: Path) -> None:
    path, content = tmp_path / "list.tflite", list_file()
    path.write_bytes(content)
    network, interpreter = load(path), litert(content, "ref")
    assert [node.kind for node in network.nodes][-1] == "DynamicUpdateSlice"
    rng = np.random.default_rng(0)
    for i in range(ITEMS):
        x, item = (rng.normal(size=(n, 1, VALUES)).astype(np.float32) for n in (ITEMS, 1))
        arrays = [x, item, np.array(i, np.int32)]
        for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        given = dict(zip(network.inputs, arrays, strict=True))
        (found,) = prepare(network, "litert").run(given).values()
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("content", [list_file(step=2), list_file(shows_slice=True)])
def test_any_other_slice_of_computed_length_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.tflite"
    path.write_bytes(content)
    with pytest.raises(UnsupportedError, match=r"slice_\d: expected constant integers"):
        load(path)
