"""weight_decode: stored weight code -> the array's weight wires, exact, no overflow.

    uniform   weight = {sign-extended code}                            two's complement
    subset    weight = {sign, selA, selB},  {selA, selB} = selectors[index]
    pwlq      weight = {sign, tail, g}
    lut       weight = levels[index]                                   two's complement
    pwlq_double  weight = {sign-extended +-g or +-(n + 2g)}            two's complement
    keep = 0  weight = what multiplies to zero in that format

The fields of a code, and what it is worth, stand on its page in npusim/codes/.

| quantity  | width                | why it fits                                              |
|-----------|----------------------|----------------------------------------------------------|
| code      | u(CODE_BITS)         | the widest that a code built in stores                   |
| bits      | u4                   | b is 2..8 (uniform, pwlq) or 2..4 (the others)           |
| selectors | 8 lanes of u4        | 2^(b-1) <= 8 magnitudes, two 2-bit selectors each        |
| levels    | 16 lanes of s8       | 2^b <= 16 levels, operands of the 8-bit multiplier       |
| weight    | u(WEIGHT_BITS)       | the widest of UNIFORM_BITS, 5 (subset), PWLQ_BITS + 1    |

`keep` = 0 puts a zero where the tile has no weight: most subsets have no code for zero, but their
wires have one.

Formats are a build parameter: UNIFORM_BITS, SUBSET, PWLQ_BITS, LUT and PWLQ_DOUBLE are 0 where a
format is not built in; LUT needs UNIFORM_BITS = 8, PWLQ_DOUBLE 6 or more: its greatest integer is
n + 2n = 21. A format that is not built in, or a b beyond its bound, is refused before it gets here.

Cycles: 1 per code and lane, latency 1. Decoded once, at the array's edge.
RTL: rtl/npu_weight_decode.v
Source: pwlq, Fang et al. 2020, section 3; subset, Oh et al. 2022, section 3; others, npusim's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from npusim.codes import CODES, FORMAT_BITS, LEAST_BITS, WEIGHT_FORMATS
from npusim.codes import lut as lut_code
from npusim.codes import pwlq as pwlq_code
from npusim.codes import pwlq_double as pwlq_double_code
from npusim.codes import subset as subset_code
from npusim.codes import uniform as uniform_code
from npusim.datapath.contract import Bins, Parameters, Port, Unit, Values
from npusim.datapath.jit import scalar
from npusim.datapath.stimulus import chance

UNIFORM, SUBSET, PWLQ, LUT, PWLQ_DOUBLE = range(len(CODES))

uniform_weight = scalar(uniform_code.weight)

SUBSET_ZERO = 0b1111
"""The wires {sign, selA, selB} that select nothing."""


def code_bits(parameters: Parameters) -> int:
    """Return the width of the widest code that the formats built in store."""
    built = [(code, code.most_bits(parameters)) for code in CODES]
    return max(code.stored_bits(most) for code, most in built if most)


def weight_bits(parameters: Parameters) -> int:
    """Return how many wires carry one decoded weight through the array."""
    subset_bits = 5 if parameters["SUBSET"] else 0
    pwlq_bits = parameters["PWLQ_BITS"] + 1 if parameters["PWLQ_BITS"] else 0
    return max(parameters["UNIFORM_BITS"], subset_bits, pwlq_bits)


def bits_bounds(weight_format: int, parameters: Parameters) -> tuple[int, int] | None:
    """Return the least and greatest b that `weight_format` runs at; None where not built in."""
    most = CODES[weight_format].most_bits(parameters)
    return (LEAST_BITS, most) if most else None


@scalar
def negate_if(sign: int, value: int) -> int:
    """Return -value where `sign` is 1, `value` where it is 0."""
    return -value if sign else value


def weight_wires(
    code: int,
    keep: int,
    format: int,
    bits: int,
    selectors: tuple[int, ...],
    levels: tuple[int, ...],
    uniform_bits: int,
    pwlq_bits: int,
) -> int:
    """Return the decoded weight as the unsigned number on the array's wires."""
    if not keep:
        return SUBSET_ZERO if format == SUBSET else 0
    if format == UNIFORM:
        return uniform_weight(code, bits) & ((1 << uniform_bits) - 1)
    if format == SUBSET:
        return subset_code.sign(code, bits) << 4 | selectors[subset_code.index(code, bits)]
    if format == LUT:
        return levels[lut_code.index(code, bits)] & ((1 << uniform_bits) - 1)
    if format == PWLQ_DOUBLE:
        return pwlq_double_code.weight(code, bits) & ((1 << uniform_bits) - 1)
    sign_and_tail = pwlq_code.sign(code, bits) << 1 | pwlq_code.tail(code, bits)
    return sign_and_tail << (pwlq_bits - 1) | pwlq_code.magnitude(code, bits)


LEVELS = tuple(2**8 // 15 * i - 2**7 for i in range(lut_code.TABLE_LEVELS))
"""A table of levels that all differ, from the least to the greatest, in each bit."""


def _built(
    uniform_bits: int, subset: int, pwlq_bits: int, lut: int, pwlq_double: int
) -> Parameters:
    return {
        "UNIFORM_BITS": uniform_bits, "SUBSET": subset, "PWLQ_BITS": pwlq_bits, "LUT": lut,
        "PWLQ_DOUBLE": pwlq_double,
    }  # fmt: skip


def directed(
    uniform_bits: int, subset: int, pwlq_bits: int, lut: int, pwlq_double: int
) -> Iterator[Values]:
    """Yield every code of every format and b; subset codes under every published subset."""
    parameters = _built(uniform_bits, subset, pwlq_bits, lut, pwlq_double)
    for weight_format in range(len(WEIGHT_FORMATS)):
        low, high = bits_bounds(weight_format, parameters) or (0, -1)
        for bits in range(low, high + 1):
            tables: list[tuple[int, ...]] = [()]
            if weight_format == SUBSET:
                published = subset_code.PUBLISHED_SUBSETS
                tables = [m for m in published if len(m) == 1 << (bits - 1)]
            for magnitudes in tables:
                for code in range(1 << CODES[weight_format].stored_bits(bits)):
                    yield {
                        "format": weight_format,
                        "bits": bits,
                        "selectors": subset_code.selectors(magnitudes),
                        "levels": LEVELS,
                        "code": code,
                        "keep": 1,
                    }


def vectors(
    rng: random.Random,
    count: int,
    uniform_bits: int,
    subset: int,
    pwlq_bits: int,
    lut: int,
    pwlq_double: int,
) -> Iterator[Values]:
    """Yield `count` codes of the formats built in; the bits above a code are not always zero."""
    parameters = _built(uniform_bits, subset, pwlq_bits, lut, pwlq_double)
    formats = [f for f in range(len(WEIGHT_FORMATS)) if bits_bounds(f, parameters)]
    for _ in range(count):
        weight_format = rng.choice(formats)
        bounds = bits_bounds(weight_format, parameters) or (0, 0)
        yield {
            "format": weight_format,
            "bits": rng.randint(*bounds),
            "selectors": tuple(rng.getrandbits(4) for _ in range(8)),
            "levels": tuple(rng.randint(-128, 127) for _ in range(lut_code.TABLE_LEVELS)),
            "code": rng.getrandbits(code_bits(parameters)),
            "keep": int(chance(rng, 88)),
        }


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: each format at each of its b, with both signs and regions."""
    points: dict[str, Any] = {}
    for weight_format, kind in enumerate(CODES):
        low, high = bits_bounds(weight_format, parameters) or (0, -1)
        for bits in range(low, high + 1):
            top = kind.stored_bits(bits)
            for prefix in range(2 << kind.region_bits):
                leading = top - 1 - kind.region_bits
                points[f"{kind.name} b = {bits}, leading bits {prefix:b}"] = (
                    lambda i, o, f=weight_format, b=bits, t=top, s=leading, p=prefix: (
                        i["format"] == f and i["bits"] == b and (i["code"] % (1 << t)) >> s == p
                    )
                )
        if high > 0:
            points[f"{kind.name} masked"] = lambda i, o, f=weight_format: (
                i["format"] == f and not i["keep"] and i["code"] != 0
            )
    return points


UNIT = Unit(
    name="weight_decode",
    ports=(
        Port("format", "in", FORMAT_BITS, legal=(0, len(CODES) - 1),
             meaning="place in WEIGHT_FORMATS"),
        Port("bits", "in", 4, legal=(2, 8), meaning="b of the layer"),
        Port("selectors", "in", 4, lanes=8, meaning="subset: {selA, selB} of each index"),
        Port("levels", "in", 8, signed=True, lanes=lut_code.TABLE_LEVELS,
             meaning="lut: the level of each index"),
        Port("code", "in", code_bits, meaning="stored code, right aligned"),
        Port("keep", "in", 1, meaning="0: no weight here"),
        Port("weight", "out", weight_bits, meaning="what travels through the array"),
    ),
    latency_cycles=1,
    scalar=weight_wires,
    parameters={"UNIFORM_BITS": 8, "SUBSET": 1, "PWLQ_BITS": 4, "LUT": 1, "PWLQ_DOUBLE": 1},
    variants=(
        {"LUT": 0, "PWLQ_DOUBLE": 0},
        {"SUBSET": 0, "PWLQ_BITS": 0, "PWLQ_DOUBLE": 0},
        *(
            {"UNIFORM_BITS": uniform, "SUBSET": subset, "PWLQ_BITS": pwlq, "LUT": 0,
             "PWLQ_DOUBLE": double}
            for uniform, subset, pwlq, double in (
                (8, 0, 0, 0), (6, 0, 0, 1), (4, 0, 0, 0), (0, 1, 0, 0), (0, 0, 2, 0), (0, 0, 4, 0),
                (4, 1, 8, 0), (7, 1, 8, 1),
            )
        ),
    ),
    vectors=vectors,
    directed=directed,
    bins=bins,
)  # fmt: skip
