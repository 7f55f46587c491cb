"""constant: SHAPE, RANK, RANGE and ZEROS_LIKE are values of the file; FILL spreads its value."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from npusim.errors import ShapeError
from tests.simulator.onnxruntime_reference import loaded, model, npusim_run
from tests.simulator.tflite_builder import TYPES, Value, constant, options

from .litert_cases import Draw, Layer, compare, integers, random_layers


@random_layers
def test_shapes_ranks_and_zeros_equal_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(1, 5), ("int8", "int32", "float32"))
    kind = draw.pick(["SHAPE", "RANK", "ZEROS_LIKE"])
    if kind == "SHAPE":
        dtype = draw.pick(["int32", "int64"])
        y, chosen = Value((len(x.shape),), dtype), options("ShapeOptions", outType=TYPES[dtype])
    elif kind == "RANK":
        y, chosen = Value((), "int32"), options("RankOptions")
    else:
        x = draw.plain(x.shape, draw.pick(["int32", "int64", "float32"]))
        y, chosen = x, options("ZerosLikeOptions")
    compare(Layer(kind, [x], [y], chosen, [draw.array(x)]))


@random_layers
def test_fill_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 5)
    value = draw.plain((), draw.pick(["int32", "int64", "float32", "bool"]))
    y = Value(shape, value.dtype)
    compare(
        Layer("FILL", [integers(*shape), value], [y], options("FillOptions"), [draw.array(value)])
    )


@random_layers
def test_range_equals_litert(draw: Draw) -> None:
    dtype = draw.pick(["int32", "float32"])
    step = draw.pick([1, 2, 3, -1, -2]) if dtype == "int32" else draw.pick([0.5, 0.1, -0.3])
    count = draw.between(1, 20)
    start = draw.between(-20, 20)
    limit = np.dtype(dtype).type(start + count * step)
    bounds = [constant(np.array(v, dtype)) for v in (start, limit, step)]
    length = int(np.ceil(np.abs((limit - bounds[0].data) / bounds[2].data)))
    compare(Layer("RANGE", bounds, [Value((length,), dtype)], options("RangeOptions"), []))


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_range_of_bounds_of_one_number(shape: tuple[int, ...]) -> None:
    """As ONNX's own body of Range has them; onnxruntime takes both."""
    held = {n: np.full(shape, v, np.int64) for n, v in (("a", 1), ("b", 8), ("c", 3))}
    nodes = [
        helper.make_node("Range", [*held], ["r"]),
        helper.make_node("Add", ["x", "r"], ["y"]),
    ]
    x = {"x": np.array([10, 20, 30])}
    found = npusim_run(loaded(model(nodes, x, held, {"y": np.int64})), x)["y"]
    np.testing.assert_array_equal(found, [11, 24, 37])


def test_a_range_of_several_starts_is_refused() -> None:
    held = {"a": np.arange(2), "b": np.array(3), "c": np.array(1)}
    nodes = [helper.make_node("Range", [*held], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    with pytest.raises(ShapeError, match="expected one start"):
        loaded(model(nodes, {"x": np.arange(3)}, held, {"y": np.int64}))
