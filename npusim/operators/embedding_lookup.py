"""embedding_lookup: rows of a table by their numbers; rows of int8 come out as floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.gather import need_indices
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class EmbeddingLookup(Operator):
    """Numbers [N], table [R ...] -> [N ...]."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (0,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        numbers, table = inputs
        if len(numbers) != 1 or len(table) < 2:
            raise ShapeError(f"cannot look {list(numbers)} up in {list(table)}")
        return ((*numbers, *table[1:]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return inputs[1].is_constant


def real(operator: EmbeddingLookup, numbers: NDArray, table: NDArray) -> NDArray:
    """Return the rows."""
    return table[numbers]


def _step(network: Network, node: Node) -> Step:
    table, y = network.inputs_of(node)[1], network.output_of(node)
    extent, q = table.shape[0], table.quantization
    scale: Any = None
    if table.dtype != y.dtype:
        if q is None or q.axis not in (None, 0) or table.dtype != np.int8 or not y.is_float:
            raise UnsupportedError(
                f"{node.name}: expected rows of {y.dtype}, or of int8 with scales, "
                f"found {table.dtype}"
            )
        scale = np.broadcast_to(q.scale, extent)

    def look_up(threads: int, numbers: NDArray, rows: NDArray) -> NDArray:
        need_indices(node, numbers, extent)
        found = rows[numbers]
        if scale is None:
            return found
        spread = scale[numbers].reshape(-1, *[1] * (rows.ndim - 1))
        return np.asarray(found.astype(np.float32) * spread, np.float32)

    return look_up


PAGE = any_type_page(
    EmbeddingLookup,
    (TfliteForm("EMBEDDING_LOOKUP", 2, lambda layer: EmbeddingLookup()),),
    real,
    _step,
)
