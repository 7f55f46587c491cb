"""What the units are compared with: definitions written by others, in another form than ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path

from npusim.cosim.units import rtl_directory, sources
from npusim.cosim.verify import verify_module
from npusim.datapath.contract import Unit, Values

CHAINS = Path(__file__).parent / "chains"


def round_fraction(value: Fraction, rule: str) -> int:
    """Round an exact number; the four rules that round once."""
    below = floor(value)
    rest = value - below
    if rule == "floor" or rest < Fraction(1, 2):
        return below
    if rest > Fraction(1, 2):
        return below + 1
    if rule == "half_up":
        return below + 1
    if rule == "half_away":
        return below + 1 if value > 0 else below
    assert rule == "half_even"
    return below if below % 2 == 0 else below + 1


def saturating_rounding_doubling_high_mul(a: int, b: int) -> int:
    """gemmlowp, fixedpoint.h: (2ab + 2^31 * sign) / 2^32 with C's truncating division."""
    if a == b == -(1 << 31):
        return (1 << 31) - 1
    product = a * b
    nudged = product + (1 << 30 if product >= 0 else 1 - (1 << 30))
    quotient = abs(nudged) >> 31
    return quotient if nudged >= 0 else -quotient


def rounding_divide_by_pot(x: int, exponent: int) -> int:
    """gemmlowp, fixedpoint.h: to nearest, halves away from zero, with mask and threshold."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if (x & mask) > threshold else 0)


def rounding_right_shift(x: int, exponent: int) -> int:
    """ruy: add half, then the arithmetic shift."""
    return (x + (1 << (exponent - 1))) >> exponent if exponent else x


def ruy_two_steps(product: int, shift: int) -> int:
    """ruy on NEON: the doubling high product rounds at bit 31, then the rounding right shift."""
    return rounding_right_shift(rounding_right_shift(product, 31), shift - 31)


def multiply_by_quantized_multiplier(x: int, multiplier: int, exponent: int) -> int:
    """TFLite, common.h: left shift, doubling high multiplication, rounding right shift."""
    left, right = max(exponent, 0), max(-exponent, 0)
    high = saturating_rounding_doubling_high_mul(x << left, multiplier)
    return rounding_divide_by_pot(high, right)


def c_average(total: int, taps: int) -> int:
    """TFLite, pooling.h: acc = acc > 0 ? (acc + n/2) / n : (acc - n/2) / n, C's division."""
    nudged = total + taps // 2 if total > 0 else total - taps // 2
    return nudged // taps if nudged >= 0 else -(-nudged // taps)


def rtl_of(unit: Unit) -> tuple[Path, ...]:
    """Return the unit's Verilog files; of a chain, its wrapper here and the units it connects."""
    wrapper = CHAINS / f"{unit.module}.v"
    if not wrapper.exists():
        return sources(unit.module, rtl_directory())
    links = re.findall(r"^ +(npu_\w+)", wrapper.read_text(), re.MULTILINE)
    files = (path for link in links for path in sources(link, rtl_directory()))
    return (wrapper, *dict.fromkeys(files))


def verify_against(unit: Unit, scalar, *, vectors=None, count: int = 5_000, **parameters: int):
    """Compare the unit's RTL with another golden form, perhaps under another stimulus."""
    other = replace(unit, scalar=scalar, directed=None, bins={})
    if vectors is not None:
        other = replace(other, vectors=vectors)
    return verify_module(
        other,
        rtl_of(unit),
        parameters={**unit.parameters, **parameters},
        vectors=count,
        require_coverage=False,
    )


def verify_cases(unit: Unit, cases: Sequence[tuple[Values, int]], **parameters: int):
    """Drive the unit's RTL with the inputs of `cases`; expect the output stated beside each.

    The output comes from a definition that may know more than the ports do (the unfolded bias, the
    float scales), so it is looked up and not computed from the inputs.
    """
    answers: dict[tuple[tuple[str, object], ...], int] = {}
    for inputs, answer in cases:
        known = answers.setdefault(tuple(sorted(inputs.items())), answer)
        assert known == answer, "one input, two expected outputs"

    def scalar(**inputs):
        return answers[tuple(sorted(inputs.items()))]

    def vectors(rng, count):
        return (inputs for inputs, _ in cases)

    return verify_against(unit, scalar, vectors=vectors, **parameters)
