"""interpolate: x in another size, each output a weighted sum of its neighbours (ONNX's Resize).

Two neighbours along each axis, or four by a cubic. Weights and sums are float32 as onnxruntime has
them, on integers too, where the fraction of the sum is cut off; integers stored channels last have
weights of 10 bits along each axis. Source: onnxruntime 1.31, core/providers/cpu/tensor/upsample.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_resize import coordinate_mode, resized, source_coordinate
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.movement import need_size
from npusim.operators.page import Step


@dataclass(frozen=True)
class Along:
    """Along one axis: the places [taps O] of each output's neighbours, and their shares.

    A cubic's sum is divided by `totals` [O].
    """

    axis: int
    places: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[float, ...], ...]
    totals: tuple[float, ...] = ()


@dataclass(frozen=True)
class Interpolate(Operator):
    """Weighted sums of neighbours along some axes, the innermost first.

    With `fraction_bits` shares are integers in units of 2^-fraction_bits, and so is what they are
    multiplied with.
    """

    along: tuple[Along, ...]
    fraction_bits: int = 0

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        shape = list(inputs[0])
        for a in self.along:
            if a.axis >= len(shape) or max(map(max, a.places)) >= shape[a.axis]:
                raise ShapeError(f"places along axis {a.axis} are outside input {list(inputs[0])}")
            shape[a.axis] = len(a.places[0])
        return (need_size(tuple(shape)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return all(a.axis != 0 for a in self.along)


def real(operator: Interpolate, x: NDArray) -> NDArray:
    """Return the sums in the type of x."""
    if operator.fraction_bits:
        x = x / x.dtype.type(2 ** (operator.fraction_bits * len(operator.along)))
    cubic = bool(operator.along[0].totals)
    return (_by_axes if cubic else _together)(operator, x)


def _shaped(values: Sequence[float], a: Along, x: NDArray) -> NDArray:
    """Return one value for each output along the axis, in the type of x."""
    return np.asarray(values, x.dtype).reshape(-1, *[1] * (x.ndim - a.axis - 1))


def _together(operator: Interpolate, x: NDArray) -> NDArray:
    """Return sums whose shares along all axes are multiplied first, the innermost axis fastest."""
    total: Any = None
    outermost = operator.along[::-1]
    for taps in product(*(range(len(a.places)) for a in outermost)):
        near, share = x, None
        for a, tap in zip(operator.along, taps[::-1], strict=True):
            near = np.take(near, a.places[tap], a.axis)
            one = _shaped(a.shares[tap], a, x)
            share = one if share is None else share * one
        term = share * near
        total = term if total is None else total + term
    return np.asarray(total)


def _by_axes(operator: Interpolate, x: NDArray) -> NDArray:
    """Return sums along the innermost axis, whose shares are divided first, then the next."""
    inner, *others = operator.along
    total: Any = x.dtype.type(0)
    for places, shares in zip(inner.places, inner.shares, strict=True):
        share = _shaped(shares, inner, x) / _shaped(inner.totals, inner, x)
        total = total + share * np.take(x, places, inner.axis)
    for a in others:
        rows, total = total, x.dtype.type(0)
        for places, shares in zip(a.places, a.shares, strict=True):
            near = np.take(rows, places, a.axis) * _shaped(shares, a, x)
            total = total + near / _shaped(a.totals, a, x)
    return np.asarray(total)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    dtype = network.output_of(node).dtype
    if operator.fraction_bits:
        return _in_integers(operator, dtype)
    return lambda threads, x: real(operator, x.astype(np.float32, copy=False)).astype(
        dtype, copy=False
    )


def _in_integers(operator: Interpolate, dtype: np.dtype) -> Step:
    """Return the step on integers by integer shares; the fraction of the sum is cut off."""
    one = 1 << (operator.fraction_bits * len(operator.along))

    def step(threads: int, x: NDArray) -> NDArray:
        sums = _together(operator, x.astype(np.int32))
        return (np.sign(sums) * (np.abs(sums) // one)).astype(dtype)

    return step


def linear(axis: int, sources: Sequence[float], size: int) -> Along:
    """Return the two neighbours of places on an axis of `size`."""
    f = np.float32
    places: list[tuple[int, int]] = []
    shares: list[tuple[float, float]] = []
    for source in sources:
        inside = max(f(0), min(f(source), f(size - 1)))
        low = min(int(inside), size - 1)
        high = min(low + 1, size - 1)
        away = float(abs(f(inside - f(high)))), float(abs(f(inside - f(low))))
        places.append((low, high))
        shares.append((0.5, 0.5) if low == high else away)
    return Along(axis, tuple(zip(*places, strict=True)), tuple(zip(*shares, strict=True)))


CHANNELS_LAST_BITS = 10
"""Bits of a share of integers that are stored channels last."""


def linear_in_bits(axis: int, sources: Sequence[float], size: int) -> Along:
    """Return the same with shares in units of 2^-CHANNELS_LAST_BITS."""
    f, one = np.float32, 1 << CHANNELS_LAST_BITS
    places: list[tuple[int, int]] = []
    shares: list[tuple[float, float]] = []
    for source in sources:
        inside = max(f(0), min(f(source), f(size - 1)))
        low = min(int(inside), size - 1)
        high = min(low + 1, size - 1)
        here = int(inside * f(one))
        places.append((low, high))
        away = abs(here - high * one), abs(here - low * one)
        shares.append((one // 2, one // 2) if low == high else away)
    return Along(axis, tuple(zip(*places, strict=True)), tuple(zip(*shares, strict=True)))


def cubic(axis: int, sources: Sequence[float], size: int, a: float, inside: bool) -> Along:
    """Return the four neighbours of places on an axis of `size`, by Keys' cubic of parameter `a`.

    With `inside` neighbours outside the axis have no share; else the nearest inside stands for
    them.
    """
    places, shares, totals = [], [], []
    for source in sources:
        first = floor(source) - 1
        found = _cubic_shares(np.float32(source) - np.float32(floor(source)), np.float32(a))
        total = np.float32(1)
        if inside:
            found = [s if 0 <= first + i < size else np.float32(0) for i, s in enumerate(found)]
            total = np.float32(0)
            for share in found:
                total = np.float32(total + share)
        places.append([min(max(first + i, 0), size - 1) for i in range(4)])
        shares.append([float(share) for share in found])
        totals.append(float(total))
    return Along(
        axis, tuple(zip(*places, strict=True)), tuple(zip(*shares, strict=True)), tuple(totals)
    )


def _cubic_shares(s: np.float32, a: np.float32) -> list[np.float32]:
    """Return the shares of the four neighbours of a place `s` behind the second, in float32."""
    one, two, three, four, five, eight = (np.float32(n) for n in (1, 2, 3, 4, 5, 8))

    def outer(away: np.float32) -> np.float32:
        return ((a * away - five * a) * away + eight * a) * away - four * a

    def inner(away: np.float32) -> np.float32:
        return ((a + two) * away - (a + three)) * away * away + one

    return [outer(s + one), inner(s), inner(one - s), outer(two - s)]


def antialiased(
    axis: int, sources: Sequence[float], size: int, scale: float, a: float | None, inside: bool
) -> Along:
    """Return all neighbours of places on an axis of `size` that a smaller output has a share of.

    Shares are a triangle's, or Keys' cubic's of parameter `a`, stretched by 1 / `scale` below 1.
    Neighbours outside the axis have no share where it has to be `inside`, else the nearest inside
    has theirs.
    """
    f = np.float32
    stretch = max(f(1) / f(scale), f(1))
    support = f(1 if a is None else 2) * stretch
    rows = []
    for source in sources:
        centre = f(source) + f(0.5)
        first, last = floor(centre - support + f(0.5)), floor(centre + support + f(0.5))
        if inside:
            first, last = max(first, 0), min(last, size)
        away = [abs(f(f(n) - centre + f(0.5)) / stretch) for n in range(first, last)]
        found = [_triangle(d) if a is None else _keys(d, f(a)) for d in away]
        total = f(0)
        for share in found:
            total = f(total + share)
        row: dict[int, Any] = {}
        for n, share in zip(range(first, last), found, strict=True):
            place = min(max(n, 0), size - 1)
            row[place] = f(row.get(place, f(0)) + share / total)
        rows.append(row)
    most = max(map(len, rows))
    filled = [[*row.items()] + [(min(row), f(0))] * (most - len(row)) for row in rows]
    return Along(
        axis,
        tuple(tuple(row[tap][0] for row in filled) for tap in range(most)),
        tuple(tuple(float(row[tap][1]) for row in filled) for tap in range(most)),
        (1.0,) * len(rows),
    )


def _triangle(away: np.float32) -> np.float32:
    return max(np.float32(1) - away, np.float32(0))


def _keys(away: np.float32, a: np.float32) -> np.float32:
    """Return Keys' cubic at a distance."""
    if away >= 2:
        return np.float32(0)
    near, outer = _cubic_shares(away % np.float32(1), a)[1::-1]
    return near if away < 1 else outer


def read_resize(b: Builder, node: OnnxNode, x: str, mode: str) -> None:
    """Append a Resize by linear or cubic weights."""
    shape = b.shape(x)
    where = f"{node.name} ({node.kind})"
    sizes, scales = resized(b, node, shape)
    smooth = bool(node.integer("antialias", 0))
    if smooth and not b.tensors[x].is_float:
        raise UnsupportedError(f"{where}: antialias of integers is not supported")
    if sizes == shape:
        return b.emit_identity(node)
    rank = len(shape)
    changed = [axis for axis in range(rank) if sizes[axis] != shape[axis] or scales[axis] != 1]
    if mode == "linear" and rank in (3, 5):
        axes = tuple(range(rank - 3, rank))
    elif rank in (2, 4):
        channels_last = mode == "linear" and rank == 4 and 1 in changed
        axes = (1, 2) if channels_last else (rank - 2, rank - 1)
    else:
        axes = ()
    if not set(changed) <= set(axes):
        raise UnsupportedError(f"{where}: mode {mode!r} from {list(shape)} to {list(sizes)}")
    integers = not b.tensors[x].is_float
    if integers and mode == "cubic":
        raise UnsupportedError(f"{where}: mode {mode!r} of integers")
    in_bits = integers and axes == (1, 2)
    coordinates = coordinate_mode(b, node)
    along = []
    for axis in reversed(axes):
        wanted, scale = sizes[axis], scales[axis]
        sources = [
            float(i)
            if scale == 1
            else source_coordinate(coordinates, i, shape[axis], wanted, scale)
            for i in range(wanted)
        ]
        stored = axis - 1 if axes == (2, 3) else axis
        if smooth:
            a = None if mode == "linear" else node.number("cubic_coeff_a", -0.75)
            inside = bool(node.integer("exclude_outside", 0))
            along.append(antialiased(stored, sources, shape[axis], scale, a, inside))
        elif mode == "linear":
            weigh = linear_in_bits if in_bits else linear
            along.append(weigh(stored, sources, shape[axis]))
        else:
            a = node.number("cubic_coeff_a", -0.75)
            inside = bool(node.integer("exclude_outside", 0))
            along.append(cubic(stored, sources, shape[axis], a, inside))
    operator = Interpolate(tuple(along), CHANNELS_LAST_BITS if in_bits else 0)
    emit = b.emit_channels_last if axes == (2, 3) else b.emit
    emit(node.name, operator, (x,), node.outputs[0])
    return None


PAGE = any_type_page(Interpolate, (), real, _step, keeps_scale=True)
