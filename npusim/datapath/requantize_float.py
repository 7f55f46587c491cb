"""requantize_float: s32 accumulator -> int8 or uint8 as float32 runtimes compute it, saturating.

    f = float32(acc + bias)                     24 bits, ties to even
    p = float32(f * scale)                      24 bits, ties to even
    y = clamp(rint(p) + zero_point, low, high)  ties to even

The three roundings are those of IEEE 754 on the runtime's processor; the unit holds integers only.
`scale` is the 31 lower bits of a float32, its sign being 0: 8 bits of exponent, 23 of fraction.

    scale:   | exponent 30..23 | fraction 22..0 |      value 2^(exponent - 150) * (2^23 + fraction)

A scale below 2^-126 (exponent 0) counts as 0, and a product below the normal numbers is not made
subnormal: both give |p| < 2^-94, which rounds to 0 either way. Exponent 255 (infinity) is not
legal; the compiler refuses it. Only products below 512 keep their value, since y - zero_point is
383 at most; so the shift to an integer has ten places, not 62.

| quantity      | width | why it fits                                                       |
|---------------|-------|-------------------------------------------------------------------|
| acc, bias     | s32   | the compiler proves that their sum fits s32                       |
| significand   | u24   | 2^23 .. 2^24 - 1; rounding up to 2^24 is 2^23 and one exponent    |
| product       | u48   | 2^46 .. 2^48 - 1                                                  |
| rounded       | s10   | saturated at +-511                                                |
| zero_point, low, high, y | s9 | int8 or uint8                                             |

Cycles: 1 result per cycle and lane, latency 8: that of requantize, whose place it takes.
RTL: rtl/npu_requantize_float.v
Source: XNNPACK's fp32 requantization on x86 and onnxruntime's QLinearConv and QGemm; IEEE 754-2019,
roundTiesToEven.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Bins, Bounds, Parameters, Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import ACC_BITS
from npusim.datapath.round_shift import HALF_EVEN, clamp, round_shift
from npusim.datapath.stimulus import between, chance

SCALE_BITS = 31
FRACTION_BITS = 23
SIGNIFICAND_BITS = FRACTION_BITS + 1
EXPONENT_BIAS = 127
INFINITE_EXPONENT = 255
MAGNITUDE_LIMIT = 511
"""Greatest magnitude of a result before the zero point; it saturates every 8-bit output."""


@scalar
def bit_count(value: int) -> int:
    """Return the bits of `value` from its leading one down, 0 for 0; below 2^63."""
    count = 0
    for step in (32, 16, 8, 4, 2, 1):
        if value >> step:
            value >>= step
            count += step
    return count + (1 if value else 0)


@scalar
def to_significand(magnitude: int) -> tuple[int, int]:
    """Return (significand, exponent): magnitude > 0 rounded to 24 bits, times 2^exponent.

    The exponent is negative where the magnitude has fewer bits.
    """
    exponent = bit_count(magnitude) - SIGNIFICAND_BITS
    if exponent <= 0:
        return magnitude << -exponent, exponent
    significand = round_shift(HALF_EVEN, magnitude, exponent)
    if significand >> SIGNIFICAND_BITS:
        return significand >> 1, exponent + 1
    return significand, exponent


@scalar
def scaled_magnitude(magnitude: int, scale: int) -> int:
    """Return rint(float32(float32(magnitude) * scale)), at most MAGNITUDE_LIMIT."""
    scale_exponent = scale >> FRACTION_BITS
    if magnitude == 0 or scale_exponent == 0:
        return 0
    scale_significand = (1 << FRACTION_BITS) | (scale & ((1 << FRACTION_BITS) - 1))
    significand, exponent = to_significand(magnitude)
    product, more = to_significand(significand * scale_significand)
    exponent += more + scale_exponent - EXPONENT_BIAS - FRACTION_BITS
    if exponent > 9 - SIGNIFICAND_BITS:  # 2^9 or more
        return MAGNITUDE_LIMIT
    if exponent < -SIGNIFICAND_BITS:  # below one half
        return 0
    return min(round_shift(HALF_EVEN, product, -exponent), MAGNITUDE_LIMIT)


@scalar
def requantize_float(acc: int, bias: int, scale: int, zero_point: int, low: int, high: int) -> int:
    """Return the output for an accumulator; a sum beyond s32 wraps, as the adder does."""
    half = 1 << (ACC_BITS - 1)
    total = ((acc + bias + half) & (2 * half - 1)) - half
    magnitude = scaled_magnitude(abs(total), scale)
    return clamp((-magnitude if total < 0 else magnitude) + zero_point, low, high)


@kernel
def requantize_float_all(
    acc: NDArray[np.int64],
    bias: NDArray[np.int64],
    scale: NDArray[np.int64],
    bounds: tuple[int, int, int],
    out: NDArray[np.int16],
) -> None:
    """Write to out [N] the outputs of acc, bias and scale [N]; bounds = (zero_point, low, high)."""
    zero_point, low, high = bounds
    for i in range(len(out)):
        out[i] = requantize_float(acc[i], bias[i], scale[i], zero_point, low, high)


def scale_value(scale: int) -> Fraction:
    """Return the real number that the bits of `scale` stand for; subnormals count as 0."""
    exponent, fraction = scale >> FRACTION_BITS, scale & ((1 << FRACTION_BITS) - 1)
    if exponent == 0:
        return Fraction(0)
    power = exponent - EXPONENT_BIAS - FRACTION_BITS
    significand = (1 << FRACTION_BITS) + fraction
    return Fraction(significand << max(power, 0), 1 << max(-power, 0))


def exact(acc: int, bias: int, scale: int, zero_point: int) -> Fraction:
    """Return the output before rounding and clamping."""
    return (acc + bias) * scale_value(scale) + zero_point


INT8, UINT8 = (-128, 127), (0, 255)
GOLDEN_SCALE = 0x3C360B61
"""float32(.0766) * float32(0x1.83dac2p-10) / float32(.0102)."""
LARGEST = (1 << (ACC_BITS - 1)) - 1


def _bounds(rng: random.Random) -> dict[str, int]:
    least, most = rng.choice((INT8, UINT8))
    zero_point = rng.choice((least, most, 0, rng.randint(least, most)))
    low = rng.choice((least, least, zero_point, rng.randint(least, most)))
    high = rng.choice((most, most, rng.randint(low, most)))
    return {"zero_point": zero_point, "low": low, "high": high}


def _tie(rng: random.Random) -> tuple[int, int]:
    """Return a sum and a scale whose product is k + 1/2, exactly or within a bit of float32."""
    odd = 2 * rng.randint(-200, 200) + 1
    power = rng.randint(0, 22)
    total = odd << rng.randint(0, power)
    fraction = rng.choice((0, 0, 1, (1 << FRACTION_BITS) - 1))
    shift = rng.randint(1, 12) + power
    return total, ((EXPONENT_BIAS - shift) << FRACTION_BITS) | fraction


def _almost_tie(rng: random.Random) -> tuple[int, int]:
    """Return a sum and a scale whose product is within a bit of float32 of k + 1/2.

    There the bits that the product's rounding drops decide which integer is nearest.
    """
    bits = rng.randint(2, ACC_BITS - 1)
    total = rng.getrandbits(bits) | 1 << (bits - 1)
    wanted = 2 * rng.randint(0, 255) + 1  # halves
    power = FRACTION_BITS + bits - wanted.bit_length() + 1
    significand = (wanted << power) // total + rng.randint(-1, 1)
    while significand >> SIGNIFICAND_BITS:
        significand, power = significand >> 1, power - 1
    fraction = significand & ((1 << FRACTION_BITS) - 1)
    scale = ((EXPONENT_BIAS + FRACTION_BITS - 1 - power) << FRACTION_BITS) | fraction
    return (-total if chance(rng, 50) else total), scale


def _near(rng: random.Random) -> tuple[int, int]:
    """Return a sum of more bits than a significand's or fewer, and a scale that makes it 0..600."""
    bits = rng.randint(1, ACC_BITS - 1)
    total = rng.getrandbits(bits) | 1 << (bits - 1)
    if chance(rng, 40):  # ones below the 24th bit, or a tie there
        tail = max(bits - SIGNIFICAND_BITS, 0)
        total = (total >> tail << tail) | ((1 << tail) >> 1)
    if chance(rng, 15):
        total = (1 << bits) - 1 - rng.randint(0, min(3, (1 << bits) - 1))
    wanted_bits = rng.randint(-1, 10)  # of the product before its point
    exponent = EXPONENT_BIAS + wanted_bits - bits
    fraction = rng.getrandbits(FRACTION_BITS)
    if chance(rng, 20):
        fraction = rng.choice((0, 1, (1 << FRACTION_BITS) - 1))
    scale = (clamp(exponent, 0, INFINITE_EXPONENT - 1) << FRACTION_BITS) | fraction
    return (-total if chance(rng, 50) else total), scale


def _vector(rng: random.Random) -> Values:
    if chance(rng, 20):
        total, scale = _tie(rng)
    elif chance(rng, 40):
        total, scale = _almost_tie(rng)
    elif chance(rng, 85):
        total, scale = _near(rng)
    else:
        total = between(rng, -LARGEST - 1, LARGEST)
        scale = rng.randint(0, (INFINITE_EXPONENT << FRACTION_BITS) - 1)
    bias = clamp(between(rng, -(1 << 20), 1 << 20), -LARGEST - 1 - min(total, 0), LARGEST)
    acc = clamp(total - bias, -LARGEST - 1, LARGEST)
    bias = total - acc
    return {"acc": acc, "bias": bias, "scale": scale, **_bounds(rng)}


def directed() -> Iterator[Values]:
    """Yield the row about which implementations are argued over, and the ends of every range.

    585 * GOLDEN_SCALE rounds to 6.5 in float32, a tie that goes to 6; see docs/numerics.md.
    """
    whole = {"zero_point": 0, "low": -128, "high": 127}
    yield {"acc": 585, "bias": 0, "scale": GOLDEN_SCALE, **whole}
    yield {"acc": 500, "bias": 85, "scale": GOLDEN_SCALE, **whole}
    for total in (-LARGEST - 1, -LARGEST, -1, 0, 1, LARGEST):
        for exponent in (0, 1, 96, 97, 118, 119, 126, 127, 128, 136, INFINITE_EXPONENT - 1):
            for fraction in (0, (1 << FRACTION_BITS) - 1):
                word = (exponent << FRACTION_BITS) | fraction
                yield {"acc": total, "bias": 0, "scale": word, **whole}
    for end in (-LARGEST - 1, LARGEST):  # of the bias
        yield {"acc": -end // 2, "bias": end, "scale": GOLDEN_SCALE, **whole}
    for magnitude in range(1, 1 << 7):  # halves of every integer, both signs
        for sign in (1, -1):
            half = (EXPONENT_BIAS - 1) << FRACTION_BITS
            yield {"acc": sign * magnitude, "bias": 0, "scale": half, **whole}
    for bits in range(SIGNIFICAND_BITS - 1, ACC_BITS):  # the first rounding carries, and does not
        for below in range(4):
            exponent = EXPONENT_BIAS + 6 - bits
            yield {
                "acc": (1 << bits) - 1 - below,
                "bias": 0,
                "scale": exponent << FRACTION_BITS,
                **whole,
            }


def vectors(rng: random.Random, count: int) -> Iterator[Values]:
    """Yield `count` epilogues: ties, sums of all sizes brought near the outputs, and any."""
    for _ in range(count):
        yield _vector(rng)


def promised(acc: int, bias: int, low: int, high: int) -> bool:
    """Return whether the sum and the output range are legal."""
    return -LARGEST - 1 <= acc + bias <= LARGEST and low <= high


def ruled_out(parameters: Parameters, bounds: Bounds) -> set[str]:
    """Return the points of `bins` that narrower or fixed ports cannot reach."""
    points = {"uint8 above 127"} if min(bounds["high"][1], bounds["y_o"][1]) <= INT8[1] else set()
    if bounds["scale"][0] >> FRACTION_BITS:
        points.add("scale 0")
    return points


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: each rounding's ties, carries, clamps, sizes of the sum."""

    def product(inputs: Values) -> Fraction:
        i: Any = inputs
        return exact(i["acc"], i["bias"], i["scale"], 0)

    def total(inputs: Values) -> int:
        i: Any = inputs
        return abs(int(i["acc"] + i["bias"]))

    def first_tie(inputs: Values) -> bool:
        tail = total(inputs).bit_length() - SIGNIFICAND_BITS
        return tail > 0 and total(inputs) % (1 << tail) == 1 << (tail - 1)

    def last_tie(inputs: Values) -> bool:
        return product(inputs).denominator == 2 and abs(product(inputs)) < MAGNITUDE_LIMIT

    points: dict[str, Any] = {
        "tie of the first rounding": lambda i, o: first_tie(i),
        "carry of the first rounding": lambda i, o: (
            total(i) > 0
            and to_significand(total(i))[0] == 1 << FRACTION_BITS
            and total(i).bit_count() > 1
        ),
        "tie of the last rounding": lambda i, o: last_tie(i),
        "negative sum": lambda i, o: i["acc"] + i["bias"] < 0,
        "sum 0": lambda i, o: i["acc"] + i["bias"] == 0,
        "sum of more than 24 bits": lambda i, o: total(i) >> SIGNIFICAND_BITS > 0,
        "sum of 24 bits or fewer": lambda i, o: 0 < total(i) < 1 << SIGNIFICAND_BITS,
        "scale 0": lambda i, o: i["scale"] >> FRACTION_BITS == 0,
        "product above every output": lambda i, o: abs(product(i)) >= MAGNITUDE_LIMIT,
        "product below one half": lambda i, o: 0 < abs(product(i)) < Fraction(1, 2),
        "clamps at low": lambda i, o: o["y"] == i["low"] < i["high"],
        "clamps at high": lambda i, o: o["y"] == i["high"] > i["low"],
        "inside": lambda i, o: i["low"] < o["y"] < i["high"],
        "uint8 above 127": lambda i, o: o["y"] > 127,
    }
    return points


UNIT = Unit(
    name="requantize_float",
    ports=(
        Port("acc", "in", ACC_BITS, signed=True, meaning="accumulator"),
        Port("bias", "in", ACC_BITS, signed=True, meaning="bias in units of the accumulator"),
        Port("scale", "in", SCALE_BITS, legal=(0, (INFINITE_EXPONENT << FRACTION_BITS) - 1),
             meaning="float32 without its sign, finite"),
        Port("zero_point", "in", 9, signed=True, legal=(-128, 255), meaning="of the output"),
        Port("low", "in", 9, signed=True, legal=(-128, 255), meaning="least output"),
        Port("high", "in", 9, signed=True, legal=(-128, 255), meaning="greatest output"),
        Port("y", "out", 9, signed=True, meaning="output, int8 or uint8"),
    ),
    latency_cycles=8,
    scalar=requantize_float,
    parameters={},
    vectors=vectors,
    directed=directed,
    promised=promised,
    bins=bins,
    ruled_out=ruled_out,
    exact=exact,
)  # fmt: skip
