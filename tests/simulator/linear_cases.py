"""Random linear layers, and what they must give: numpy sums in int64, rounding by definition."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
from hypothesis import strategies as st

from npusim.datapath.requantize import round_shift
from npusim.graph.attributes import Window
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.words import ROUNDINGS

EXTREMES = {"int8": (-128, -127, 0, 127), "uint8": (0, 1, 128, 255)}


def reference_sums(
    x: np.ndarray, planes: np.ndarray, window: Window, groups: int, zero: int
) -> Any:
    """Return the accumulators [J N OH OW OC] before they wrap, in int64."""
    top, bottom, left, right = window.padding
    xe = np.pad(x.astype(np.int64) - zero, ((0, 0), (top, bottom), (left, right), (0, 0)))
    height, width = window.output_size(x.shape[1], x.shape[2])
    terms, filters = planes.shape[:2]
    total = np.zeros((terms, len(x), height, width, filters), np.int64)
    ic, oc = planes.shape[4], filters // groups
    for kh in range(window.kernel[0]):
        for kw in range(window.kernel[1]):
            first_h, first_w = kh * window.dilation[0], kw * window.dilation[1]
            taken = xe[
                :,
                first_h : first_h + (height - 1) * window.stride[0] + 1 : window.stride[0],
                first_w : first_w + (width - 1) * window.stride[1] + 1 : window.stride[1],
            ]
            for g in range(groups):
                w = planes[:, g * oc : (g + 1) * oc, kh, kw].astype(np.int64)
                part = np.einsum("nhwi,joi->jnhwo", taken[..., g * ic : (g + 1) * ic], w)
                total[..., g * oc : (g + 1) * oc] += part
    return total


def wrap(total: Any) -> Any:
    """Return `total` as 32-bit two's complement."""
    return (np.asarray(total) + (1 << 31)) % (1 << 32) - (1 << 31)


def rounded(total: int, shift: int, mode: str) -> int:
    """Return total * 2^-shift rounded as the mode's name says."""
    exact = Fraction(total, 1 << shift)
    if mode == "floor":
        return floor(exact)
    if mode == "half_up":
        return floor(exact + Fraction(1, 2))
    if mode == "half_away":
        return floor(abs(exact) + Fraction(1, 2)) * (-1 if exact < 0 else 1)
    if mode == "half_even":
        return round(exact)
    return round_shift(ROUNDINGS.index(mode), total, shift)


def reference_output(sums: Any, rule: Requantization | FloatRequantization) -> np.ndarray:
    """Return y [N OH OW OC] of wrapped sums [J N OH OW OC]."""
    if isinstance(rule, FloatRequantization):
        acc = wrap(sums[0] + rule.bias)
        if rule.kind == "fp32":
            value = np.rint(acc.astype(np.float32) * rule.scale).astype(np.float64)
        else:
            product = acc.astype(np.float64) * rule.scale
            value = np.sign(product) * np.floor(np.abs(product))
            value += np.sign(product) * (np.abs(product) - np.abs(value) >= 0.5)
        return np.clip(value + rule.zero_point, rule.low, rule.high).astype(np.int64)
    total = rule.bias.astype(object)
    for j, multiplier in enumerate(rule.multipliers):
        total = total + multiplier.astype(object) * sums[j].astype(object)
    y = np.empty(total.shape, np.int64)
    for index in np.ndindex(total.shape):
        value = rounded(int(total[index]), int(rule.shift[index[-1]]), rule.rounding)
        y[index] = min(max(value + rule.zero_point, rule.low), rule.high)
    return y


def random_rule(
    rng: np.random.Generator, kind: str, terms: int, filters: int, largest: int, dtype: str
) -> Requantization | FloatRequantization:
    """Return constants that bring sums of about `largest` into and a little beyond 8 bits."""
    limits = np.iinfo(dtype)
    low, high = sorted(rng.integers(limits.min, limits.max + 1, 2).tolist())
    if rng.random() < 0.7:
        low, high = int(limits.min), int(limits.max)
    zero = int(rng.integers(limits.min, limits.max + 1))
    if kind in ("fp32", "double_away"):
        scale = 200 / largest * 2.0 ** rng.uniform(-3, 2, filters)
        if rng.random() < 0.3:
            scale = np.full(filters, 2.0 ** -rng.integers(1, 8))  # exact halves: every tie occurs
        bias = rng.integers(-largest - 1, largest + 1, filters)
        return FloatRequantization(kind, scale, bias, zero, low, high)  # type: ignore[arg-type]
    bits = int(rng.integers(1, 32))
    multipliers = rng.integers(0, 1 << bits, (terms, filters))
    if rng.random() < 0.3:
        multipliers[:] = 1 << (bits - 1)  # a power of two: ties occur
    size = int(largest * max(int(multipliers.max()), 1)).bit_length()
    shift = np.clip(size - 8 + rng.integers(-3, 3, filters), 0, 62)
    bias = rng.integers(-largest, largest + 1, filters) * multipliers[0]
    return Requantization(multipliers, bias, shift, kind, zero, low, high)


@st.composite
def layers(draw: Any) -> dict[str, Any]:
    """Draw the arguments of a LinearKernel and an input, small but of every kind."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    small = st.integers(1, 4)
    kind = draw(st.sampled_from(("dense", "pixel", "grouped", "depthwise")))
    groups = 1 if kind in ("dense", "pixel") else draw(st.integers(2, 20))
    ic = 1 if kind == "depthwise" else draw(st.integers(1, 19))
    oc = draw(small) if kind in ("grouped", "depthwise") else draw(st.integers(1, 90))
    rows = st.integers(1, 9) if kind == "depthwise" else small  # in words of four
    kernel = (1, 1) if kind == "pixel" else (draw(rows), draw(small))
    dilation = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    window = Window(
        kernel,
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        dilation,
        tuple(draw(st.integers(0, 2)) for _ in range(4)),
    )
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = (sum(window.padding[:2]), sum(window.padding[2:]))
    ih, iw = (
        max(span - pad, 1) + draw(st.integers(0, 9)) for span, pad in zip(spans, pads, strict=True)
    )
    dtypes = ("int8", "uint8")
    input_dtype, output_dtype = draw(st.sampled_from(dtypes)), draw(st.sampled_from(dtypes))
    rounding = draw(st.sampled_from((*ROUNDINGS, "fp32", "double_away")))
    is_float = rounding in ("fp32", "double_away")
    terms = 1 if is_float else draw(small)
    limit = draw(st.sampled_from((1, 7, 127, 128, 255, 511)))
    shape = (terms, oc * groups, *kernel, ic)
    planes = rng.integers(-limit, limit + (limit != 128), shape).astype(np.int16)
    batch = draw(st.integers(1, 3))
    limits = np.iinfo(input_dtype)
    x = rng.integers(limits.min, limits.max + 1, (batch, ih, iw, ic * groups)).astype(input_dtype)
    if draw(st.booleans()):
        x = rng.choice(np.array(EXTREMES[input_dtype], input_dtype), x.shape)
        planes = rng.choice(np.array([-limit, limit - (limit == 128)], np.int16), shape)
    zero = draw(st.sampled_from(EXTREMES[input_dtype]))
    largest = int(planes[0, 0].size * limit * 160)
    rule = random_rule(rng, rounding, terms, oc * groups, largest, output_dtype)
    return {
        "x": x,
        "arguments": (planes, window, groups, zero, rule, input_dtype, output_dtype),
    }
