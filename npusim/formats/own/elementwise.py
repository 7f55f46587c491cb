"""Functions of npusim's ONNX form for everything that is not a linear layer."""

from __future__ import annotations

from onnx import FunctionProto, TensorProto

from npusim.formats.own.functions import (
    Body,
    channels_first,
    channels_last,
    clip,
    finish,
    integer,
    integers,
    rounded,
)

INT8_ENDS = (-128, 127)


def input_function() -> FunctionProto:
    """From the file's layout to channels last; `scale` and `zero_point` are the input's."""
    body = Body("Input", ("x",))
    body.declare("scale", "zero_point")
    body.output("Transpose", "x", perm=integers("order"))
    return body.function()


def output_function() -> FunctionProto:
    """From channels last to the layout that the file's readers see."""
    body = Body("Output", ("x",))
    body.output("Transpose", "x", perm=integers("order"))
    return body.function()


def _wide(body: Body, x: str) -> str:
    return body.add("Cast", x, to=TensorProto.INT64)


def _weighted(body: Body, x: str, j: int) -> str:
    """Return multipliers[j] * x."""
    m = body.add("Gather", body.integers("multipliers"), body.integer(j))
    return body.add("Mul", x, m)


def _finish_total(body: Body, total: str) -> None:
    moved = body.add("Add", total, body.integer("bias"))
    finish(body, rounded(body, moved, body.integer("shift")))


def add_function() -> FunctionProto:
    """T = bias + multipliers[0] * a + multipliers[1] * b, the zero points in the bias."""
    body = Body("Add", ("a", "b"))
    body.declare("activation")
    terms = [_weighted(body, _wide(body, x), j) for j, x in enumerate(("a", "b"))]
    _finish_total(body, body.add("Add", *terms))
    return body.function()


def multiply_function() -> FunctionProto:
    """T = bias + multipliers[0] * (a - a_zero_point) * (b - b_zero_point)."""
    body = Body("Mul", ("a", "b"))
    body.declare("activation")
    operands = [
        body.add("Sub", _wide(body, x), body.integer(f"{x}_zero_point")) for x in ("a", "b")
    ]
    _finish_total(body, _weighted(body, body.add("Mul", *operands), 0))
    return body.function()


def matmul_function() -> FunctionProto:
    """T = bias + multipliers[0] * (a - a_zero_point) times (b - b_zero_point), as matrices."""
    body = Body("MatMul", ("a", "b"))
    body.declare("activation")
    operands = [
        body.add("Sub", _wide(body, x), body.integer(f"{x}_zero_point")) for x in ("a", "b")
    ]
    _finish_total(body, _weighted(body, body.add("MatMul", *operands), 0))
    return body.function()


def mean_function() -> FunctionProto:
    """T = bias + multipliers[0] * sum of x over the axes."""
    body = Body("Mean", ("x",))
    axes, keepdims = body.integers("axes"), integer("keepdims")
    total = body.add("ReduceSum", _wide(body, "x"), axes, keepdims=keepdims)
    _finish_total(body, _weighted(body, total, 0))
    return body.function()


def _window_sums(body: Body, image: str, zero_point: str) -> str:
    """Return int64 sums of x - zero_point over each window of `image` [B 1 H W]."""
    one = body.add("Cast", body.integer(1), to=TensorProto.UINT8)
    shape = body.add("Concat", body.integers([1, 1]), body.integers("kernel"), axis=0)
    ones = body.add("Expand", one, shape)
    none = body.add("Cast", body.integer(0), to=TensorProto.UINT8)
    sums = body.add(
        "ConvInteger", image, ones, zero_point, none, strides=integers("strides"),
        pads=integers("pads"), dilations=integers("dilations"),
    )  # fmt: skip
    return _wide(body, sums)


def _images(body: Body) -> tuple[str, str, str]:
    """Return x as [N*C 1 H W], its shape [N C H W], and the shape's [H W]."""
    x = channels_first(body, "x")
    shape = body.add("Shape", x)
    size = body.add("Slice", shape, body.integers([2]), body.integers([4]))
    flat = body.add("Concat", body.integers([-1, 1]), size, axis=0)
    return body.add("Reshape", x, flat), shape, size


def _of_shape(body: Body, values: str, shape: str) -> str:
    """Return values [N*C 1 OH OW] as [N OH OW C]."""
    ends = body.add("Slice", body.add("Shape", values), body.integers([2]), body.integers([4]))
    starts = body.add("Slice", shape, body.integers([0]), body.integers([2]))
    whole = body.add("Concat", starts, ends, axis=0)
    return channels_last(body, body.add("Reshape", values, whole))


def average_pool_function() -> FunctionProto:
    """Sum of the taps inside the image over their number, halves away from zero."""
    body = Body("AveragePool", ("x",))
    body.declare("activation")
    image, shape, size = _images(body)
    zero = body.integer(0, TensorProto.INT8)
    sums = _window_sums(body, image, zero)
    inside = body.add("Concat", body.integers([1, 1]), size, axis=0)
    ones = body.add("Expand", body.integer(1, TensorProto.INT8), inside)
    count = _window_sums(body, ones, zero)
    half = body.add("Div", count, body.integer(2))
    positive = body.add("Greater", sums, body.integer(0))
    up, down = body.add("Add", sums, half), body.add("Sub", sums, half)
    mean = body.add("Div", body.add("Where", positive, up, down), count)
    clip(body, _of_shape(body, mean, shape))
    return body.function()


def padded_average_pool_function() -> FunctionProto:
    """T = bias + multipliers[0] * sum of x - x_zero_point; padding counts."""
    body = Body("PaddedAveragePool", ("x",))
    body.declare("activation")
    image, shape, _ = _images(body)
    sums = _window_sums(body, image, body.integer("x_zero_point", TensorProto.INT8))
    _finish_total(body, _of_shape(body, _weighted(body, sums, 0), shape))
    return body.function()


def max_pool_function() -> FunctionProto:
    """Maximum over the taps inside the image."""
    body = Body("MaxPool", ("x",))
    body.declare("activation")
    largest = body.add(
        "MaxPool", channels_first(body, "x"), kernel_shape=integers("kernel"),
        strides=integers("strides"), pads=integers("pads"), dilations=integers("dilations"),
    )  # fmt: skip
    clip(body, _wide(body, channels_last(body, largest)))
    return body.function()


def concat_function(count: int) -> FunctionProto:
    """Bring inputs to the output's scale (M = 1, shift = 0 where it is theirs) and join them."""
    body = Body(f"Concat{count}", tuple(f"x{i}" for i in range(count)))
    body.declare("scale")
    parts = []
    for i in range(count):
        zero = body.add("Gather", body.integers("x_zero_points"), body.integer(i))
        operand = body.add("Sub", _wide(body, f"x{i}"), zero)
        shift = body.add("Gather", body.integers("shifts"), body.integer(i))
        value = rounded(body, _weighted(body, operand, i), shift)
        moved = body.add("Add", value, body.integer("zero_point"))
        clipped = body.add("Clip", moved, *(body.integer(end) for end in INT8_ENDS))
        parts.append(body.add("Cast", clipped, to=TensorProto.INT8))
    body.output("Concat", *parts, axis=integer("axis"))
    return body.function()


def pad_function() -> FunctionProto:
    """Put the zero point around x; `pads` are all begins, then all ends."""
    body = Body("Pad", ("x",))
    body.declare("scale")
    value = body.integer("zero_point", TensorProto.INT8)
    body.output("Pad", "x", body.integers("pads"), value)
    return body.function()


def reshape_function() -> FunctionProto:
    """Keep the values under another `shape`, where 0 keeps an extent."""
    body = Body("Reshape", ("x",))
    body.declare("scale", "zero_point")
    body.output("Reshape", "x", body.integers("shape"))
    return body.function()


def transpose_function() -> FunctionProto:
    """Output axis i is input axis order[i]."""
    body = Body("Transpose", ("x",))
    body.declare("scale", "zero_point")
    body.output("Transpose", "x", perm=integers("order"))
    return body.function()


def slice_function() -> FunctionProto:
    """Elements starts, starts + steps, ... below ends, along `axes`."""
    body = Body("Slice", ("x",))
    body.declare("scale", "zero_point")
    body.output("Slice", "x", *(body.integers(k) for k in ("starts", "ends", "axes", "steps")))
    return body.function()


def pick_function() -> FunctionProto:
    """Values at `places` along an axis."""
    body = Body("Pick", ("x",))
    body.declare("scale", "zero_point")
    body.output("Gather", "x", body.integers("places"), axis=integer("axis"))
    return body.function()


def look_up_function() -> FunctionProto:
    """Rows of the table x that the indices name."""
    body = Body("LookUp", ("x", "indices"))
    body.declare("scale", "zero_point")
    body.output("Gather", "x", "indices", axis=0)
    return body.function()


def activation_function() -> FunctionProto:
    """Look a function of one value up in a table [256], entry x + 128."""
    body = Body("Activation", ("x", "table"))
    body.declare("alpha", "bounds", "kind", "scale", "zero_point")
    place = body.add("Add", _wide(body, "x"), body.integer(128))
    body.output("Gather", "table", place)
    return body.function()
