"""einsum: products of two values summed over the letters that the result has not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas_products
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class Einsum(Operator):
    """`a` and `b` name the axes of the inputs by letters, `result` those of the output."""

    a: str
    b: str
    result: str

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        extents: dict[str, int] = {}
        for letters, shape in zip((self.a, self.b), inputs, strict=True):
            if len(letters) != len(shape):
                raise ShapeError(f"{letters} does not name the axes of {list(shape)}")
            for letter, extent in zip(letters, shape, strict=True):
                if extents.setdefault(letter, extent) != extent:
                    raise ShapeError(f"axis {letter} has {extents[letter]} and {extent} values")
        return (tuple(extents[letter] for letter in self.result),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.a[:1] == self.b[:1] == self.result[:1]


def single(operator: Einsum, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums as matrix products, one for each place of the letters that all three have."""
    both = [x for x in operator.a if x in operator.b]
    batch = [x for x in both if x in operator.result]
    inner = [x for x in both if x not in operator.result]
    left = [x for x in operator.a if x not in operator.b]
    right = [x for x in operator.b if x not in operator.a]
    size = dict(zip(operator.a + operator.b, a.shape + b.shape, strict=True))
    rows = a.transpose([operator.a.index(x) for x in (*batch, *left, *inner)])
    columns = b.transpose([operator.b.index(x) for x in (*batch, *inner, *right)])
    counts = [prod(size[x] for x in part) for part in (batch, left, inner, right)]
    products = [
        mlas_products.product(x, y)
        for x, y in zip(
            rows.reshape(counts[0], counts[1], counts[2]),
            columns.reshape(counts[0], counts[2], counts[3]),
            strict=True,
        )
    ]
    found = (*batch, *left, *right)
    y = np.stack(products).reshape([size[x] for x in found])
    return y.transpose([found.index(x) for x in operator.result])


def real(operator: Einsum, a: NDArray, b: NDArray) -> NDArray:
    """Return the sums in the inputs' type."""
    return np.asarray(np.einsum(f"{operator.a},{operator.b}->{operator.result}", a, b))


def _read(b: Builder, node: OnnxNode) -> None:
    equation = str(node.attributes.get("equation", "")).replace(" ", "")
    operands, arrow, result = equation.partition("->")
    names = operands.split(",")
    letters = "".join(names)
    alone = [x for n in names for x in n if letters.count(x) == 1 and x not in result]
    if len(names) != 2 or "." in equation or not arrow or alone:
        raise UnsupportedError(
            f"{node.name} (Einsum): expected two operands whose own axes all stay, found "
            f"{equation!r}"
        )
    if any(len(set(part)) != len(part) for part in (*names, result)):
        raise UnsupportedError(f"{node.name} (Einsum): a letter stands twice in {equation!r}")
    values = (b.value(node, 0), b.value(node, 1))
    b.emit(node.name, Einsum(names[0], names[1], result), values, node.outputs[0])


PAGE = float_page(Einsum, (OnnxForm("Einsum", _read),), single, real)
