"""Functions of npusim's ONNX form for convolutions and fully connected layers, every scheme.

A function's name is its format: `Subset4Conv`, `PiecewiseLinear3Gemm` (a fully connected layer that
flattens its input to a matrix), `Uniform8Dense` (one over the last axis, the others kept),
`Multipoint4x3Conv` (up to three points a channel), with words after it for what else it takes. The
common ones have at most 21 letters: viewers cut longer names. Over the planes that the codes decode
to,

    T = bias + sum_j multipliers[j] * A_j (+ window_sum * sum of xe)
    y = clip(floor((T + 2^(s-1)) / 2^s) + zero_point, low, high),  s = shift (+ channel_shift)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from onnx import FunctionProto, TensorProto

from npusim.codes import WeightCode
from npusim.codes.schemes import BY_NAME, SCHEMES, code_of
from npusim.errors import FormatError
from npusim.formats.own.functions import (
    DOMAIN_VERSION,
    SIGNED_IMAGES,
    WEIGHT_ZERO_POINT,
    Body,
    channels_first,
    channels_last,
    finish,
    integer,
    integers,
    rounded,
    unsigned,
)
from npusim.graph.weights import EncodedWeights

WORDS = {name: BY_NAME[name].word for name in SCHEMES}
NAME = re.compile(
    rf"({'|'.join(WORDS.values())})([2-8])(?:x([1-4]))?(Conv|Gemm|Dense)"
    r"(OwnBreakpoint)?(ChannelShift)?(WindowSum)?"
)


@dataclass(frozen=True)
class LinearFormat:
    """What decides the body of a linear function."""

    scheme: str
    bits: int
    convolution: bool
    keep_dims: bool
    points: int
    own_breakpoint: bool
    """pwlq: a third term weighs the tail's sign."""
    channel_shift: bool
    window_sum: bool

    @property
    def name(self) -> str:
        """The function's name."""
        matrix = "Dense" if self.keep_dims else "Gemm"
        return "".join((
            WORDS[self.scheme], str(self.bits),
            f"x{self.points}" if self.points > 1 or self.scheme == "multipoint" else "",
            "Conv" if self.convolution else matrix,
            "OwnBreakpoint" if self.own_breakpoint else "",
            "ChannelShift" if self.channel_shift and self.scheme != "wes" else "",
            "WindowSum" if self.window_sum else "",
        ))  # fmt: skip

    @property
    def code(self) -> WeightCode:
        """The code that the scheme stores."""
        return code_of(self.scheme)

    @property
    def code_bits(self) -> int:
        """Bits of one stored code."""
        return self.code.stored_bits(self.bits)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the function's inputs, in order."""
        optional = {
            "magnitudes": self.code.level_count(self.bits) > 0,
            "points": self.points > 1,
            "channel_shift": self.channel_shift or self.scheme == "wes",
            "window_sum": self.window_sum,
        }
        return ("x", "codes", "multipliers", "bias", "shift",
                *(name for name, present in optional.items() if present))  # fmt: skip


def format_of(encoding: EncodedWeights, convolution: bool, keep_dims: bool) -> LinearFormat:
    """Return the format that `encoding` needs."""
    points = int(encoding.points.max(initial=1))
    return LinearFormat(
        scheme=encoding.scheme,
        bits=encoding.bits,
        convolution=convolution,
        keep_dims=keep_dims,
        points=points,
        own_breakpoint=encoding.forms in encoding.code.forms[1:],
        channel_shift=bool(encoding.channel_shift.any()),
        window_sum=bool(encoding.window_sum.any()),
    )


def format_named(name: str) -> LinearFormat:
    """Return the format of the function `name`.

    Raises
    ------
    FormatError
        It is no linear function of npusim.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise FormatError(f"npusim.{name}: not a function of npusim")
    word, bits, points, kind, own, shift, window_sum = match.groups()
    scheme = next(key for key, value in WORDS.items() if value == word)
    found = LinearFormat(
        scheme, int(bits), kind == "Conv", kind == "Dense", int(points or 1), own is not None,
        shift is not None or scheme == "wes", window_sum is not None,
    )  # fmt: skip
    return found


def level_tables(form: LinearFormat) -> list[list[int]]:
    """Return what each code stands for in each plane; where a layer has levels, of levels 1."""
    ones = (1,) * form.code.level_count(form.bits)
    forms = form.code.forms[-1 if form.own_breakpoint else 0]
    return form.code.plane_table(form.bits, ones, forms).tolist()


def linear_function(form: LinearFormat, version: int = DOMAIN_VERSION) -> FunctionProto:
    """Return the function of a format, as a version of npusim's domain has it."""
    body = Body(form.name, form.inputs)
    codes = _codes(body, form)
    planes = [body.add("Gather", table, codes) for table in _weight_tables(body, form)]
    if form.convolution:
        planes = [body.add("Transpose", plane, perm=[0, 3, 1, 2]) for plane in planes]
    moved = form.convolution and version > SIGNED_IMAGES
    operand = _operand(body, form, planes[0], moved)
    total = "bias"
    for point in range(form.points):
        for i, plane in enumerate(planes):
            weights = plane
            if form.points > 1:
                weights = body.add("Gather", plane, _rows_of_point(body, point))
            j = body.integer(point * len(planes) + i)
            product = body.add(
                "Mul",
                _accumulator(body, form, operand, weights, moved),
                body.add("Gather", "multipliers", j),
            )
            total = body.add("Add", product, total)
    if form.window_sum:
        shape = body.add("Shape", planes[0])
        if form.points > 1:
            rows = body.add("Shape", "bias")
            rest = body.add("Slice", shape, *_bounds(body, 1, 4))
            shape = body.add("Concat", rows, rest, axis=0)
        one = body.add("Cast", body.integer(WEIGHT_ZERO_POINT + 1), to=TensorProto.UINT8)
        ones = body.add("Expand", one, shape)
        product = body.add("Mul", _accumulator(body, form, operand, ones, moved), "window_sum")
        total = body.add("Add", total, product)
    shift = "shift"
    if "channel_shift" in form.inputs:
        shift = body.add("Add", "shift", "channel_shift")
    body.declare("activation")
    finish(body, rounded(body, total, shift))
    return body.function()


def _bounds(body: Body, start: int, stop: int) -> tuple[str, str]:
    return body.integers([start]), body.integers([stop])


def _codes(body: Body, form: LinearFormat) -> str:
    """Unpack the stream of bytes to int32 codes of `weight_shape` = [V KH KW IC] or [V K]."""
    shape = body.integers("weight_shape")
    if form.code_bits == 8:
        whole = body.add("Cast", "codes", to=TensorProto.INT32)
        return body.add("Reshape", whole, shape)
    b = form.code_bits
    count = body.add("ReduceProd", shape, keepdims=1)
    used = body.add("Mul", count, body.integer(b))
    columns = body.add("Unsqueeze", "codes", body.integers([1]))
    places = body.add("Cast", body.integers(list(range(8))), to=TensorProto.UINT8)
    shifted = body.add("BitShift", columns, places, direction="RIGHT")
    bit = body.add("BitwiseAnd", shifted, body.integer(1, TensorProto.UINT8))
    stream = body.add("Slice", body.add("Reshape", bit, body.integers([-1])),
        body.integers([0]), used)  # fmt: skip
    rows = body.add("Reshape", stream, body.integers([-1, b]))
    worth = body.add("Cast", body.integers([1 << i for i in range(b)]), to=TensorProto.INT32)
    weighted = body.add("Mul", body.add("Cast", rows, to=TensorProto.INT32), worth)
    total = body.add("ReduceSum", weighted, body.integers([1]), keepdims=0)
    return body.add("Reshape", total, shape)


def _weight_tables(body: Body, form: LinearFormat) -> list[str]:
    """Return one uint8 table a plane: what a code is worth, plus 128."""
    tables = []
    for levels in level_tables(form):
        table = body.integers(levels)
        if "magnitudes" in form.inputs:
            every = "magnitudes"
            if len(levels) > form.code.level_count(form.bits):  # each with both signs
                every = body.add("Concat", "magnitudes", "magnitudes", axis=0)
            table = body.add("Mul", table, every)
        moved = body.add("Add", table, body.integer(WEIGHT_ZERO_POINT))
        tables.append(body.add("Cast", moved, to=TensorProto.UINT8))
    return tables


def _operand(body: Body, form: LinearFormat, plane: str, moved: bool) -> str:
    if form.convolution:
        return channels_first(body, unsigned(body, "x") if moved else "x")
    if form.keep_dims:
        return "x"
    columns = body.add("Slice", body.add("Shape", plane), *_bounds(body, 1, 2))
    shape = body.add("Concat", body.integers([-1]), columns, axis=0)
    return body.add("Reshape", "x", shape)


def _rows_of_point(body: Body, point: int) -> str:
    """Return the virtual channel [OC] of each channel's point; a channel without it has M = 0."""
    ends = body.add("CumSum", "points", body.integer(0))
    first = body.add("Sub", ends, "points")
    row = body.add("Add", first, body.integer(point))
    last = body.add("Sub", ends, body.integer(1))
    return body.add("Min", row, last)


def _accumulator(body: Body, form: LinearFormat, operand: str, weights: str, moved: bool) -> str:
    """Return sum (x - zero point) * w as int64, channels last; `moved` is the operand by 128."""
    if moved:
        x_zero = unsigned(body, body.integer("x_zero_point"))
    else:
        x_zero = body.integer("x_zero_point", TensorProto.INT8)
    w_zero = body.add("Cast", body.integer(WEIGHT_ZERO_POINT), to=TensorProto.UINT8)
    if form.convolution:
        sums = body.add(
            "ConvInteger", operand, weights, x_zero, w_zero,
            strides=integers("strides"), pads=integers("pads"), dilations=integers("dilations"),
            group=integer("group"),
        )  # fmt: skip
        sums = channels_last(body, sums)
    else:
        across = body.add("Transpose", weights, perm=[1, 0])
        sums = body.add("MatMulInteger", operand, across, x_zero, w_zero)
    return body.add("Cast", sums, to=TensorProto.INT64)
