"""einsum: products of values summed over the letters that the result has not.

Two operands at a time, from the left: a letter is summed with the last operand that has it, as
onnxruntime has it; a letter of one operand alone is summed first. Source: onnxruntime 1.31,
core/providers/cpu/math/einsum_utils.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas_products
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Einsum(Operator):
    """`operands` name the axes of the inputs by letters, `result` those of the output.

    A letter that stands twice in an operand is its diagonal.
    """

    operands: tuple[str, ...]
    result: str

    @property
    def arity(self) -> tuple[int, int]:
        return len(self.operands), len(self.operands)

    @property
    def factors(self) -> tuple[int, ...]:
        return tuple(range(len(self.operands)))

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        extents: dict[str, int] = {}
        for letters, shape in zip(self.operands, inputs, strict=True):
            if len(letters) != len(shape):
                raise ShapeError(f"{letters} does not name the axes of {list(shape)}")
            for letter, extent in zip(letters, shape, strict=True):
                if extents.setdefault(letter, extent) != extent:
                    raise ShapeError(f"axis {letter} has {extents[letter]} and {extent} values")
        if not set(self.result) <= extents.keys():
            raise ShapeError(f"{self.result} has letters that no operand has")
        return (tuple(extents[letter] for letter in self.result),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        first = {letters[:1] for letters in (*self.operands, self.result)}
        return len(first) == 1 and first != {""}


def single(operator: Einsum, *inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums as matrix products, one for each place of the letters that all three have."""
    parts = [_own(operator, number, x) for number, x in enumerate(inputs)]
    letters, y = parts[0]
    for number, (others, x) in enumerate(parts[1:], 1):
        later = {*operator.result}.union(*operator.operands[number + 1 :])
        letters, y = _product(letters, y, others, x, later)
    return y.transpose([letters.index(x) for x in operator.result])


def _own(operator: Einsum, number: int, x: NDArray) -> tuple[str, NDArray]:
    """Return an operand's diagonals, summed over the letters that it alone has."""
    letters = operator.operands[number]
    once = "".join(dict.fromkeys(letters))
    if once != letters:
        x = np.einsum(x, [LETTERS.index(n) for n in letters], [LETTERS.index(n) for n in once])
    others = operator.operands[:number] + operator.operands[number + 1 :]
    kept = {*operator.result}.union(*others)
    axes = tuple(i for i, letter in enumerate(once) if letter not in kept)
    if axes:
        x = x.sum(axes, dtype=x.dtype)
    return "".join(letter for letter in once if letter in kept), x


def _product(
    first: str, a: NDArray, second: str, b: NDArray, later: set[str]
) -> tuple[str, NDArray]:
    """Return the product of two operands, summed over the letters that no `later` one has."""
    both = [x for x in first if x in second]
    batch = [x for x in both if x in later]
    inner = [x for x in both if x not in later]
    left = [x for x in first if x not in second]
    right = [x for x in second if x not in first]
    size = dict(zip(first + second, a.shape + b.shape, strict=True))
    rows = a.transpose([first.index(x) for x in (*batch, *left, *inner)])
    columns = b.transpose([second.index(x) for x in (*batch, *inner, *right)])
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
    return "".join(found), np.stack(products).reshape([size[x] for x in found])


def real(operator: Einsum, *inputs: NDArray) -> NDArray:
    """Return the sums in the inputs' type."""
    return np.asarray(np.einsum(f"{','.join(operator.operands)}->{operator.result}", *inputs))


def _read(b: Builder, node: OnnxNode) -> None:
    equation = str(node.attributes.get("equation", "")).replace(" ", "")
    values = tuple(b.value(node, index) for index in range(len(node.inputs)))
    ranks = [len(b.shape(name)) for name in values]
    operands, arrow, result = equation.partition("->")
    names = operands.split(",")
    if len(names) != len(values):
        raise FormatError(f"{node.name} (Einsum): {equation!r} is not of {len(values)} operands")
    free = [x for x in LETTERS if x not in equation]
    hidden = [max(0, rank - len(n) + 3) for n, rank in zip(names, ranks, strict=True) if "." in n]
    most = max(hidden, default=0)
    filled = [
        name.replace("...", "".join(free[most - max(0, rank - len(name) + 3) : most]))
        for name, rank in zip(names, ranks, strict=True)
    ]
    if not arrow:  # letters that stand once, in the order of the alphabet
        result = "..." if hidden else ""
        result += "".join(sorted(x for x in set(operands) - {*",."} if operands.count(x) == 1))
    result = result.replace("...", "".join(free[:most]))
    b.emit(node.name, Einsum(tuple(filled), result), values, node.outputs[0])


PAGE = float_page(Einsum, (OnnxForm("Einsum", _read),), single, real)
