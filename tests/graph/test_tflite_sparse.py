"""Sparse weights of .tflite files: what DENSIFY makes of them equals LiteRT's, blocks and all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.files import load
from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import litert
from tests.simulator.test_tflite_subgraphs import File, Graph
from tests.simulator.tflite_builder import options

CASES = 60
FLOAT32 = schema.TensorType.FLOAT32


def level(size: int, rows: list[np.ndarray] | None = None) -> Any:
    """Return a dense level, or a compressed one with the places of each row."""
    metadata = schema.DimensionMetadataT()
    metadata.format, metadata.denseSize = schema.DimensionType.DENSE, size
    if rows is None:
        return metadata
    metadata.format, metadata.denseSize = schema.DimensionType.SPARSE_CSR, 0
    ends = np.cumsum([0, *(len(row) for row in rows)])
    for part, values in (("Segments", ends), ("Indices", np.concatenate(rows))):
        vector = schema.Uint8VectorT() if values.max(initial=0) < 256 else schema.Int32VectorT()
        vector.values = values.astype(np.uint8)
        setattr(metadata, f"array{part}", vector)
        setattr(metadata, f"array{part}Type", schema.SparseIndexVector.Uint8Vector)
    return metadata


def sparse(rng: np.random.Generator, block: tuple[int, int]) -> tuple[np.ndarray, Any, np.ndarray]:
    """Return a matrix, its sparsity by rows of blocks, and its values as the file has them."""
    rows, columns = (int(n) for n in rng.integers(1, 6, 2))
    kept = rng.random((rows, columns)) < 0.5
    kept[0, 0] = True
    blocks = rng.normal(size=(rows, columns, *block)).astype(np.float32) * kept[..., None, None]
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = np.arange(4 if block != (1, 1) else 2, dtype=np.int32)
    sparsity.dimMetadata = [level(rows), level(0, [np.flatnonzero(row) for row in kept])]
    if block != (1, 1):
        sparsity.blockMap = np.arange(2, dtype=np.int32)
        sparsity.dimMetadata += [level(n) for n in block]
    dense = blocks.transpose(0, 2, 1, 3).reshape(rows * block[0], columns * block[1])
    return dense, sparsity, blocks[kept]


def file_of(dense: np.ndarray, sparsity: Any, values: np.ndarray) -> bytes:
    """Return a file of y = x + DENSIFY(constants)."""
    file = File()
    graph = Graph(file)
    x, y, wide = (graph.tensor(kind=FLOAT32) for _ in range(3))
    held = graph.tensor(values, FLOAT32)
    for index in (x, y, wide, held):
        graph.record.tensors[index].shape = np.array(dense.shape, np.int32)
    graph.record.tensors[held].sparsity = sparsity
    graph.add("DENSIFY", [held], [wide], options("DensifyOptions"))
    graph.add("ADD", [x, wide], [y], options("AddOptions"))
    graph.ends([x], [y])
    builder = flatbuffers.Builder(1024)
    builder.Finish(file.model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("block", [(1, 1), (1, 4), (2, 3)])
def test_equals_litert(tmp_path: Path, block: tuple[int, int]) -> None:
    path = tmp_path / "sparse.tflite"
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        dense, sparsity, values = sparse(rng, block)
        path.write_bytes(file_of(dense, sparsity, values))
        x = rng.normal(size=dense.shape).astype(np.float32)
        interpreter = litert(path, "ref")
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        right = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        (y,) = prepare(load(path), "litert").run(x).values()
        np.testing.assert_array_equal(y, right)
        np.testing.assert_array_equal(y, x + dense)


def test_damaged_sparsity_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tflite"
    dense, sparsity, values = sparse(np.random.default_rng(1), (1, 4))
    path.write_bytes(file_of(dense, sparsity, values[:0]))
    with pytest.raises((FormatError, UnsupportedError), match=r"^sparse\.tflite: "):
        load(path)
    sparsity.traversalOrder = np.array([0, 0, 1, 2], np.int32)
    path.write_bytes(file_of(dense, sparsity, values))
    with pytest.raises(FormatError, match="its sparsity does not fit the shape"):
        load(path)
    sparsity.traversalOrder = np.arange(4, dtype=np.int32)
    sparsity.dimMetadata[2].denseSize = 1 << 20
    path.write_bytes(file_of(dense, sparsity, values))
    with pytest.raises(FormatError, match="more sparse values than"):
        load(path)
