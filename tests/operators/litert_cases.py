"""Random layers of one .tflite operator, and their comparison with LiteRT's three sets of kernels.

A test draws a `Layer` from a seed and calls `compare`. `random_layers` runs it on 200 seeds, the
same everywhere; NPUSIM_SEED=N draws others.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.prepared.engine import prepare
from npusim.words import Rule
from tests.simulator.litert_witness import litert
from tests.simulator.tflite_builder import Value, constant, single_operator
from tests.simulator.tflite_builder import options as option_table

from .drawn import Drawn

SEED = os.environ.get("NPUSIM_SEED")
CASES = 200

KERNELS: dict[str, Rule] = {"ref": "litert", "opt": "litert-opt", "xnn": "xnnpack"}
"""LiteRT's kernels and the rule that imitates them."""

BYTES = ("int8", "uint8")


@dataclass(eq=False)
class Layer:
    """One operator of a file; inputs without data get `arrays`, in order."""

    kind: str
    inputs: list[Value | None]
    outputs: list[Value]
    options: Any = None
    arrays: list[NDArray] = field(default_factory=list, repr=False)
    version: int = 1


class Draw:
    """Random choices for one case, all from one seed."""

    def __init__(self, number: int) -> None:
        self.rng = np.random.default_rng(number)

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[self.between(0, len(choices) - 1)]

    def flag(self) -> bool:
        return bool(self.between(0, 1))

    def shape(self, least: int = 1, most: int = 6, extent: int = 5) -> tuple[int, ...]:
        """Return a shape of `least` to `most` axes, a leading 1 as often as not."""
        rank = self.between(least, most)
        extent = min(extent, 3) if rank > 4 else extent
        shape = tuple(self.between(1, extent) for _ in range(rank))
        return (1, *shape[1:]) if rank and self.flag() else shape

    def broadcast_to(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return a shape that broadcasts to `shape`: axes of 1 here and there, or fewer axes."""
        kind = self.between(0, 3)
        if kind < 2:
            return shape
        if kind == 2:
            return tuple(n if self.flag() else 1 for n in shape)
        return shape[self.between(0, len(shape) - (shape == (1,))) :]

    def scale(self, least: float = -8, most: float = 2) -> np.float32:
        """Return a scale; one of four is a power of two, which gives ties."""
        exponent = self.rng.uniform(least, most)
        return np.float32(2.0 ** (np.rint(exponent) if self.between(0, 3) == 0 else exponent))

    def zero_point(self, dtype: str) -> int:
        limits = np.iinfo(dtype)
        return (
            self.pick([0 if dtype == "int8" else 128, int(limits.min), int(limits.max)])
            if (self.flag())
            else self.between(limits.min, limits.max)
        )

    def quantized(self, shape: tuple[int, ...], dtype: str, **scales: float) -> Value:
        return Value(shape, dtype, self.scale(**scales), self.zero_point(dtype))

    def plain(self, shape: tuple[int, ...], dtype: str) -> Value:
        return Value(shape, dtype)

    def any_value(self, shape: tuple[int, ...], dtypes: Sequence[str]) -> Value:
        """Return a tensor of one of the types; those of 8 bits have a scale."""
        dtype = self.pick(dtypes)
        return self.quantized(shape, dtype) if dtype in BYTES else self.plain(shape, dtype)

    def array(self, value: Value, low: float = -100, high: float = 100) -> NDArray:
        """Return contents; 8-bit integers from their whole range, others from `low` to `high`."""
        if value.dtype == "bool":
            return np.asarray(self.rng.integers(0, 2, value.shape), bool)
        if value.dtype == "float32":
            drawn = self.rng.uniform(low, high, value.shape)
            drawn = np.rint(drawn * 2) / 2 if self.between(0, 3) == 0 else drawn
            return np.asarray(drawn, np.float32)
        if value.dtype in BYTES:
            low, high = np.iinfo(value.dtype).min, np.iinfo(value.dtype).max
        return np.asarray(self.rng.integers(int(low), int(high) + 1, value.shape), value.dtype)

    def fixed(self, value: Value, **bounds: float) -> Value:
        """Return the tensor as a constant."""
        data = self.array(value, **bounds)
        return constant(data, value.scale, value.zero_point)


def random_layers(test: Callable[[Draw], None]) -> Callable[[], None]:
    """Run a test on `CASES` seeds."""
    function = given(st.integers(0, 2**32 - 1).map(Draw))(test)
    if SEED is not None:
        function = seed(int(SEED))(function)
    made = settings(
        max_examples=CASES,
        deadline=None,
        derandomize=SEED is None,
        database=None,
        phases=[Phase.generate],  # a case is one seed: there is nothing to shrink
        suppress_health_check=list(HealthCheck),
    )(function)
    made.drawn = Drawn(
        ".tflite", lambda number: _content(test, number), lambda number: test(Draw(number))
    )
    return made


class _Compared(Exception):
    """The file that a test is about to compare."""


def _content(test: Callable[[Draw], None], number: int) -> bytes:
    """Return the first file that `test` compares where it is drawn from the seed `number`."""

    def take(path: Path) -> Network:
        raise _Compared(path.read_bytes())

    with mock.patch(f"{__name__}.load", take):
        try:
            test(Draw(number))
        except _Compared as found:
            return bytes(found.args[0])
    raise AssertionError(f"seed {number}: compares no file")


def build(layer: Layer) -> bytes:
    return single_operator(
        layer.kind, layer.inputs, layer.outputs, layer.options, version=layer.version
    )


def network(content: bytes) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "layer.tflite")
        path.write_bytes(content)
        return load(path)


def witness(content: bytes, kernels: str, arrays: Sequence[NDArray]) -> list[NDArray]:
    """Return all outputs of LiteRT."""
    interpreter = litert(content, kernels)
    for detail, x in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return [
        interpreter.get_tensor(detail["index"]).copy()
        for detail in interpreter.get_output_details()
    ]


def run(of: Network, rule: Rule, arrays: Sequence[NDArray]) -> list[NDArray]:
    """Return all outputs of npusim."""
    return list(prepare(of, rule).run(dict(zip(of.inputs, arrays, strict=True))).values())


def compare(
    layer: Layer, *, ulp: int = 0, of_largest: bool = False, kernels: Sequence[str] = tuple(KERNELS)
) -> None:
    """Assert that every output equals LiteRT's, floats within `ulp` units in the last place.

    With `of_largest` it is the last place of the tensor's largest value, and of 1 at least: where
    a sum cancels, the runtime's own digits mean no more.
    """
    content = build(layer)
    of = network(content)
    for name in kernels:
        expected = witness(content, name, layer.arrays)
        found = run(of, KERNELS[name], layer.arrays)
        for y, right in zip(found, expected, strict=True):
            what = f"{name}: {layer}"
            assert y.dtype == right.dtype, what
            assert y.shape == right.shape, f"{y.shape} {right.shape} {what}"
            if of_largest and y.dtype == np.float32:
                unit = np.spacing(np.float32(max(1, np.abs(right).max(initial=0))))
                np.testing.assert_allclose(y, right, rtol=0, atol=ulp * unit, err_msg=what)
            elif ulp and y.dtype == np.float32:
                np.testing.assert_array_max_ulp(y, right, ulp)
            else:
                np.testing.assert_array_equal(y, right, what)


ALL_TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32", "bool")


def integers(*values: int) -> Value:
    """Return a constant int32 vector: a shape, axes, paddings."""
    return constant(np.array(values, np.int32))


def movement(
    draw: Draw,
    kind: str,
    x: Value,
    shape: Sequence[int],
    *behind: Value,
    options: Any = None,
    version: int = 1,
) -> Layer:
    """Return a layer that moves the elements of `x` into `shape`, of the same type and scale."""
    y = Value(tuple(shape), x.dtype, x.scale, x.zero_point)
    return Layer(kind, [x, *behind], [y], options, [draw.array(x)], version)


def binary(
    draw: Draw,
    kind: str,
    dtypes: Sequence[str],
    options: Any = None,
    *,
    most: int = 5,
    result: str | None = None,
    same_scales: bool = False,
    version: int = 1,
    low: float = -100,
    high: float = 100,
    **scales: float,
) -> Layer:
    """Return a layer of two operands whose shapes broadcast, constants among them."""
    shape = draw.shape(1, most, 4)
    shapes = [shape, draw.broadcast_to(shape)]
    if draw.flag():
        shapes.reverse()
    dtype = draw.pick(dtypes)

    def value(shape: tuple[int, ...], dtype: str) -> Value:
        eight = dtype in BYTES
        return draw.quantized(shape, dtype, **scales) if eight else draw.plain(shape, dtype)

    a, b = (value(s, dtype) for s in shapes)
    y = value(np.broadcast_shapes(*shapes), result or dtype)
    if same_scales:
        b, y = (replace(x, scale=a.scale, zero_point=a.zero_point) for x in (b, y))
    known = draw.between(0, 5)
    inputs = [draw.fixed(x, low=low, high=high) if known == i else x for i, x in enumerate((a, b))]
    arrays = [draw.array(x, low, high) for x in inputs if x.data is None]
    return Layer(kind, inputs, [y], options, arrays, version)


def unary(
    draw: Draw,
    kind: str,
    dtypes: Sequence[str],
    options: Any = None,
    *,
    low: float = -8,
    high: float = 8,
    **scales: float,
) -> Layer:
    """Return a layer of one input and an output of its type, each with a scale of its own."""
    shape, dtype = draw.shape(1, 5, 5), draw.pick(dtypes)
    if dtype in BYTES:
        x, y = (draw.quantized(shape, dtype, **scales) for _ in range(2))
        every = np.arange(256).astype(np.uint8).view(dtype)
        x, y = (replace(v, shape=(1, 256)) for v in (x, y)) if draw.flag() else (x, y)
        data = every.reshape(1, 256) if x.shape == (1, 256) else draw.array(x)
    else:
        x = y = draw.plain(shape, dtype)
        data = draw.array(x, low, high)
    return Layer(kind, [x], [y], options, [data])


BUILT_IN = ("opt", "xnn")
"""Kernels that have what the reference ones do not."""


def unscaled(x: Value) -> Value:
    """Return a tensor whose integers are worth themselves."""
    return replace(x, scale=None, zero_point=0)


def reduction(draw: Draw, kind: str, dtype: str, *, same_scales: bool = False) -> Layer:
    """Return a layer that reduces a few axes of its input."""
    shape = draw.shape(1, 4, 6)
    axes = sorted({draw.between(0, len(shape) - 1) for _ in range(draw.between(1, len(shape)))})
    keep = draw.flag()
    kept = [1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes]
    x = draw.quantized(shape, dtype) if dtype in BYTES else draw.plain(shape, dtype)
    y = replace(x, shape=tuple(kept))
    if not same_scales and dtype in BYTES:
        y = draw.quantized(tuple(kept), dtype)
    named = [axis - len(shape) if draw.flag() else axis for axis in axes]
    chosen = option_table("ReducerOptions", keepDims=keep)
    return Layer(kind, [x, integers(*named)], [y], chosen, [draw.array(x, -4, 4)])
