"""weight_decode: stored weight code -> the array's weight wires, exact, no overflow.

    uniform   weight = {sign-extended code}                            two's complement
    subset    weight = {sign, selA, selB},  {selA, selB} = selectors[index]
    pwlq      weight = {sign, tail, g}
    keep = 0  weight = what multiplies to zero in that format
    sign and fields of a b-bit code:
        uniform   code[b-1:0] is the weight in two's complement
        subset    sign = code[b-1], index = code[b-2:0]
        pwlq      sign = code[b],   tail = code[b-1], g = code[b-2:0]

What a code is worth, in units of the layer's step(s), n = 2^(b-1) - 1:

    uniform   code as two's complement (multipoint: of each point; wes: b = 8)
    subset    (-1)^sign * magnitudes[index]
    pwlq      (-1)^sign * g * s1 in the centre, (-1)^sign * (n*s1 + g*s2) in the tail

| quantity  | width                | why it fits                                              |
|-----------|----------------------|----------------------------------------------------------|
| code      | u(CODE_BITS)         | b bits; pwlq stores b + 1                                |
| bits      | u4                   | b is 2..8 (uniform, pwlq) or 2..4 (subset)               |
| selectors | 8 lanes of u4        | 2^(b-1) <= 8 magnitudes, two 2-bit selectors each        |
| weight    | u(WEIGHT_BITS)       | the widest of UNIFORM_BITS, 5 (subset), PWLQ_BITS + 1    |

`keep` = 0 puts a zero where the tile has no weight: most subsets have no code for zero, but their
wires have one.

Formats are a build parameter: UNIFORM_BITS, SUBSET and PWLQ_BITS are 0 where a format is not built
in. A format that is not built in, or a b beyond its bound, is refused before it gets here.

Cycles: 1 per code and lane, latency 1. Decoded once, at the array's edge.
RTL: rtl/npu_weight_decode.v
Source: pwlq, Fang et al. 2020, section 3; subset, Oh et al. 2022, section 3. -0 (sign set, value 0)
and a tail code with g = 0 (the centre's n once more) are legal codes and decode to what they say.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Bins, Parameters, Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.stimulus import chance
from npusim.errors import RangeError
from npusim.words import WEIGHT_FORMATS

UNIFORM, SUBSET, PWLQ = range(len(WEIGHT_FORMATS))

WORD_A = (16, 8, 2, 0)
"""What selA = 0..3 multiplies the operand by; selA = 3 selects nothing."""
WORD_B = (16, 4, 1, 0)
SUBSET_ZERO = 0b1111
"""The wires {sign, selA, selB} that select nothing."""
UNIVERSAL_MAGNITUDES = tuple(sorted({a + b for a in WORD_A for b in WORD_B}))
"""The 15 magnitudes that a subset may hold: 32 times the paper's."""

PUBLISHED_SUBSETS = (
    (1, 2, 4, 6, 9, 12, 18, 32), (1, 3, 6, 9, 12, 16, 20, 32),
    (0, 1, 2, 4, 6, 9, 16, 32), (1, 3, 6, 9, 12, 17, 24, 32),
    (3, 9, 17, 32), (2, 6, 12, 24), (1, 4, 9, 20), (2, 8, 16, 32),
    (9, 32), (4, 18), (2, 9), (4, 16), (8, 32),
)  # fmt: skip
"""The magnitudes found for layers of ResNet-18 and MobileNet-v2. Source: Oh et al. 2022."""


def code_bits(parameters: Parameters) -> int:
    """Return the width of the widest code that the formats built in store."""
    subset_bits = 4 if parameters["SUBSET"] else 0
    pwlq_bits = parameters["PWLQ_BITS"] + 1 if parameters["PWLQ_BITS"] else 0
    return max(parameters["UNIFORM_BITS"], subset_bits, pwlq_bits)


def weight_bits(parameters: Parameters) -> int:
    """Return how many wires carry one decoded weight through the array."""
    subset_bits = 5 if parameters["SUBSET"] else 0
    pwlq_bits = parameters["PWLQ_BITS"] + 1 if parameters["PWLQ_BITS"] else 0
    return max(parameters["UNIFORM_BITS"], subset_bits, pwlq_bits)


def bits_bounds(weight_format: int, parameters: Parameters) -> tuple[int, int] | None:
    """Return the least and greatest b that `weight_format` runs at; None where not built in."""
    most = (
        parameters["UNIFORM_BITS"],
        4 if parameters["SUBSET"] else 0,
        parameters["PWLQ_BITS"],
    )[weight_format]
    return (2, most) if most else None


@scalar
def uniform_weight(code: int, bits: int) -> int:
    """Return the integer that the two's complement code of `bits` bits stands for."""
    half = 1 << (bits - 1)
    return ((code & (2 * half - 1)) ^ half) - half


@scalar
def subset_sign(code: int, bits: int) -> int:
    """Return 1 where the weight of a subset code is negative."""
    return (code >> (bits - 1)) & 1


@scalar
def subset_index(code: int, bits: int) -> int:
    """Return which of the layer's 2^(bits-1) magnitudes a subset code selects."""
    return code & ((1 << (bits - 1)) - 1)


@scalar
def pwlq_sign(code: int, bits: int) -> int:
    """Return 1 where the weight of a pwlq code is negative."""
    return (code >> bits) & 1


@scalar
def pwlq_tail(code: int, bits: int) -> int:
    """Return 1 where a pwlq code lies in the tail."""
    return (code >> (bits - 1)) & 1


@scalar
def pwlq_magnitude(code: int, bits: int) -> int:
    """Return g of a pwlq code: steps from zero in the centre, from the breakpoint in the tail."""
    return code & ((1 << (bits - 1)) - 1)


@scalar
def negate_if(sign: int, value: int) -> int:
    """Return -value where `sign` is 1, `value` where it is 0."""
    return -value if sign else value


def uniform_code(weight: int, bits: int) -> int:
    """Return the code of an integer weight; the inverse of `uniform_weight`."""
    half = 1 << (bits - 1)
    if not -half <= weight < half:
        raise RangeError(f"uniform weight: expected {-half}..{half - 1}, found {weight}")
    return weight & (2 * half - 1)


def subset_code(sign: int, index: int, bits: int) -> int:
    """Return the subset code of `sign` and the index of a magnitude."""
    return sign << (bits - 1) | index


def pwlq_code(sign: int, tail: int, magnitude: int, bits: int) -> int:
    """Return the pwlq code of `sign`, region and g."""
    return sign << bits | tail << (bits - 1) | magnitude


def subset_selector(magnitude: int) -> int:
    """Return {selA, selB} for a magnitude of the universal set; 16 is 16 + 0.

    Raises
    ------
    RangeError
        Where the magnitude is no sum of one word of each set.
    """
    for a, word_a in enumerate(WORD_A):
        for b in (3, 0, 1, 2):
            if word_a + WORD_B[b] == magnitude:
                return a << 2 | b
    known = ", ".join(map(str, UNIVERSAL_MAGNITUDES))
    raise RangeError(f"subset magnitude: expected one of {known}, found {magnitude}")


def subset_selectors(magnitudes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the 8 lanes of the `selectors` port for a layer's ascending magnitudes."""
    lanes = tuple(subset_selector(int(magnitude)) for magnitude in magnitudes)
    return lanes + (subset_selector(0),) * (8 - len(lanes))


def weight_wires(
    code: int,
    keep: int,
    format: int,
    bits: int,
    selectors: tuple[int, ...],
    uniform_bits: int,
    pwlq_bits: int,
) -> int:
    """Return the decoded weight as the unsigned number on the array's wires."""
    if not keep:
        return SUBSET_ZERO if format == SUBSET else 0
    if format == UNIFORM:
        return uniform_weight(code, bits) & ((1 << uniform_bits) - 1)
    if format == SUBSET:
        return subset_sign(code, bits) << 4 | selectors[subset_index(code, bits)]
    sign_and_tail = pwlq_sign(code, bits) << 1 | pwlq_tail(code, bits)
    return sign_and_tail << (pwlq_bits - 1) | pwlq_magnitude(code, bits)


@kernel
def decode_uniform(codes: NDArray[np.int16], bits: int, weights: NDArray[np.int16]) -> None:
    """Write the integer weight of each code [N] to `weights` [N]."""
    for i in range(len(codes)):
        weights[i] = uniform_weight(codes[i], bits)


@kernel
def decode_subset(
    codes: NDArray[np.int16], bits: int, magnitudes: NDArray[np.int64], weights: NDArray[np.int16]
) -> None:
    """Write the integer weight of each code [N] to `weights` [N]."""
    for i in range(len(codes)):
        code = codes[i]
        weights[i] = negate_if(subset_sign(code, bits), magnitudes[subset_index(code, bits)])


@kernel
def decode_pwlq(
    codes: NDArray[np.int16], bits: int, first: NDArray[np.int16], second: NDArray[np.int16]
) -> None:
    """Write the two integer planes of each code [N]: w = first*s1 + second*s2.

    Centre: (+-g, 0). Tail: (+-n, +-g).
    """
    n = (1 << (bits - 1)) - 1
    for i in range(len(codes)):
        code = codes[i]
        signed = negate_if(pwlq_sign(code, bits), pwlq_magnitude(code, bits))
        if pwlq_tail(code, bits):
            first[i] = negate_if(pwlq_sign(code, bits), n)
            second[i] = signed
        else:
            first[i] = signed
            second[i] = 0


def decode_planes(
    scheme: str, bits: int, codes: NDArray, magnitudes: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int16], ...]:
    """Return the integer planes of an array of codes: T = B + sum_j M_j * (plane_j . xe).

    Parameters
    ----------
    scheme
        uniform, wes, multipoint: one plane (multipoint: each virtual channel has its own codes);
        subset: one plane; pwlq: two planes, in units of s1 and of s2.
    bits
        The b of the scheme, 2..8.
    codes
        uint8 of any shape, right aligned (uint16 where pwlq has b = 8).
    magnitudes
        subset: int64 [2^(bits-1)], the integers that an index selects.

    Raises
    ------
    RangeError
        Where the codes have more bits than the scheme stores, or the magnitudes another count.
    """
    stored_bits = bits + 1 if scheme == "pwlq" else bits
    flat = codes.reshape(-1).astype(np.int16)  # kernels take no unsigned integers
    if flat.size and int(flat.max()) >> stored_bits:
        raise RangeError(
            f"{scheme} codes: expected {stored_bits} stored bits, found code {int(flat.max())}"
        )
    planes = [np.empty(flat.shape, np.int16) for _ in range(2 if scheme == "pwlq" else 1)]
    if scheme == "pwlq":
        decode_pwlq(flat, bits, planes[0], planes[1])
    elif scheme == "subset":
        values = np.asarray(() if magnitudes is None else magnitudes, np.int64)
        if values.shape != (1 << (bits - 1),):
            raise RangeError(
                f"subset magnitudes: expected {1 << (bits - 1)} at {bits} bits, found {values.size}"
            )
        decode_subset(flat, bits, values, planes[0])
    else:
        decode_uniform(flat, bits, planes[0])
    return tuple(plane.reshape(codes.shape) for plane in planes)


def tail_signs(codes: NDArray, bits: int) -> NDArray[np.int16]:
    """Return +-1 for each pwlq code in the tail, 0 in the centre: what the accumulator S sums."""
    tail, negative = (codes >> (bits - 1)) & 1, (codes >> bits) & 1
    return np.where(tail, np.where(negative, -1, 1), 0).astype(np.int16)


def planes_of_points(decoded: NDArray, points: NDArray[np.int64]) -> NDArray:
    """Sort decoded virtual channels [F V ...] into the terms [J OC ...], J = F * max(points).

    The F planes of a channel's first point come first, then those of its second; a channel with
    fewer points has zeros there.
    """
    forms, _, *rest = decoded.shape
    most = int(points.max(initial=1))
    first = np.concatenate([[0], np.cumsum(points)[:-1]]).astype(np.int64)
    terms = np.zeros((forms * most, len(points), *rest), decoded.dtype)
    for i in range(most):
        has = points > i
        terms[i * forms : (i + 1) * forms, has] = decoded[:, first[has] + i]
    return terms


def directed(uniform_bits: int, subset: int, pwlq_bits: int) -> Iterator[Values]:
    """Yield every code of every format and b; subset codes under every published subset."""
    parameters = {"UNIFORM_BITS": uniform_bits, "SUBSET": subset, "PWLQ_BITS": pwlq_bits}
    for weight_format in range(len(WEIGHT_FORMATS)):
        low, high = bits_bounds(weight_format, parameters) or (0, -1)
        for bits in range(low, high + 1):
            tables: list[tuple[int, ...]] = [()]
            if weight_format == SUBSET:
                tables = [m for m in PUBLISHED_SUBSETS if len(m) == 1 << (bits - 1)]
            for magnitudes in tables:
                for code in range(1 << (bits + (weight_format == PWLQ))):
                    yield {
                        "format": weight_format,
                        "bits": bits,
                        "selectors": subset_selectors(magnitudes),
                        "code": code,
                        "keep": 1,
                    }


def vectors(
    rng: random.Random, count: int, uniform_bits: int, subset: int, pwlq_bits: int
) -> Iterator[Values]:
    """Yield `count` codes of the formats built in; the bits above a code are not always zero."""
    parameters = {"UNIFORM_BITS": uniform_bits, "SUBSET": subset, "PWLQ_BITS": pwlq_bits}
    formats = [f for f in range(len(WEIGHT_FORMATS)) if bits_bounds(f, parameters)]
    for _ in range(count):
        weight_format = rng.choice(formats)
        bounds = bits_bounds(weight_format, parameters) or (0, 0)
        yield {
            "format": weight_format,
            "bits": rng.randint(*bounds),
            "selectors": tuple(rng.getrandbits(4) for _ in range(8)),
            "code": rng.getrandbits(code_bits(parameters)),
            "keep": int(chance(rng, 88)),
        }


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: each format at each of its b, with both signs and regions."""
    points: dict[str, Any] = {}
    for weight_format, name in enumerate(WEIGHT_FORMATS):
        low, high = bits_bounds(weight_format, parameters) or (0, -1)
        for bits in range(low, high + 1):
            top = bits + (weight_format == PWLQ)
            for prefix in range(4 if weight_format == PWLQ else 2):
                leading = top - (2 if weight_format == PWLQ else 1)
                points[f"{name} b = {bits}, leading bits {prefix:b}"] = (
                    lambda i, o, f=weight_format, b=bits, t=top, s=leading, p=prefix: (
                        i["format"] == f and i["bits"] == b and (i["code"] % (1 << t)) >> s == p
                    )
                )
        if high > 0:
            points[f"{name} masked"] = lambda i, o, f=weight_format: (
                i["format"] == f and not i["keep"] and i["code"] != 0
            )
    return points


UNIT = Unit(
    name="weight_decode",
    ports=(
        Port("format", "in", 2, legal=(0, 2), meaning="place in WEIGHT_FORMATS"),
        Port("bits", "in", 4, legal=(2, 8), meaning="b of the layer"),
        Port("selectors", "in", 4, lanes=8, meaning="subset: {selA, selB} of each index"),
        Port("code", "in", code_bits, meaning="stored code, right aligned"),
        Port("keep", "in", 1, meaning="0: no weight here"),
        Port("weight", "out", weight_bits, meaning="what travels through the array"),
    ),
    latency_cycles=1,
    scalar=weight_wires,
    parameters={"UNIFORM_BITS": 8, "SUBSET": 1, "PWLQ_BITS": 4},
    variants=(
        {"UNIFORM_BITS": 8, "SUBSET": 0, "PWLQ_BITS": 0},
        {"UNIFORM_BITS": 4, "SUBSET": 0, "PWLQ_BITS": 0},
        {"UNIFORM_BITS": 0, "SUBSET": 1, "PWLQ_BITS": 0},
        {"UNIFORM_BITS": 0, "SUBSET": 0, "PWLQ_BITS": 2},
        {"UNIFORM_BITS": 0, "SUBSET": 0, "PWLQ_BITS": 4},
        {"UNIFORM_BITS": 4, "SUBSET": 1, "PWLQ_BITS": 8},
    ),
    vectors=vectors,
    directed=directed,
    bins=bins,
)
