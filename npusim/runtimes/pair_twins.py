"""Integer twins of two operands: y = f(a, b) of two bytes as one epilogue of two terms.

    y = clamp(round((M1 * a + M2 * b + B) >> s) + zero_point)

Each of the 65,536 pairs of bytes puts the product sum between two bounds (twins.least_total), which
is a linear condition on M1, M2 and B. The search starts from the operator's real ratios and moves
the three constants against the pair that is violated the most, until none is. What comes out is
rounded to integers and proved over all pairs.

Source: npusim; Agmon 1954 and Motzkin and Schoenberg 1954, the relaxation method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.requantize import requantize_all
from npusim.runtimes.requantization import Requantization
from npusim.runtimes.twins import MODES, least_total
from npusim.words import ROUNDINGS

MULTIPLIER_BITS = 31
LARGEST = 2.0**62
"""A constant beyond it is no twin: it is tried and found wrong."""
MAX_SHIFT = 50
BYTES = 256
ROUNDS = 4_000
NEAR = 1 / 64
"""Pairs whose real value lies this close to a rounding's edge, in outputs, take part in a search.
"""


@dataclass(frozen=True, eq=False)
class PairRule:
    """What a runtime makes of two bytes: `values` [256 256] by the operands' values, ascending.

    `least` are the operands' least values, `ratios` what one step of each adds to the output, as
    real numbers, and `offset` the output (before its zero point) where both are 0.
    """

    values: NDArray[np.int64]
    least: tuple[int, int]
    ratios: tuple[float, float]
    offset: float
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class PairTwin:
    """Constants of two terms on the operands as they are, and the pairs that they miss [N 2]."""

    requantization: Requantization
    differences: NDArray[np.int64]

    @property
    def is_exact(self) -> bool:
        """Whether they are proved equal for every pair of bytes."""
        return not len(self.differences)


def pair_twin(rule: PairRule) -> PairTwin:
    """Return the constants of the first mode that is equal to `rule`, else those that miss least.

    Deterministic: the same rule gives the same integers.
    """
    best: PairTwin | None = None
    for mode in MODES:
        found = _in_mode(rule, mode)
        if best is None or len(found.differences) < len(best.differences):
            best = found
        if best.is_exact:
            break
    assert best is not None
    return best


def _operands(rule: PairRule) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every pair of operands, two arrays [65536]."""
    a, b = (np.arange(least, least + BYTES) for least in rule.least)
    return np.repeat(a, BYTES), np.tile(b, BYTES)


def pair_differences(rule: PairRule, constants: Requantization) -> NDArray[np.int64]:
    """Return the pairs [N 2] for which the constants give another output; none is a proof."""
    a, b = _operands(rule)
    computed = np.empty(len(a), np.int16)
    spread = np.ones(len(a), np.int64)
    requantize_all(
        np.stack([a, b], axis=1),
        np.broadcast_to(constants.multipliers[:, 0], (len(a), 2)).copy(),
        constants.bias[0] * spread,
        constants.shift[0] * spread,
        0 * spread,
        ROUNDINGS.index(constants.rounding),
        (constants.zero_point, constants.low, constants.high),
        computed,
    )
    wrong = computed != rule.values.reshape(-1)
    return np.stack([a[wrong], b[wrong]], axis=1)


def _in_mode(rule: PairRule, mode: str) -> PairTwin:
    _, exponent = np.frexp(max(rule.ratios))
    shift = int(np.clip(MULTIPLIER_BITS - 1 - exponent, 1, MAX_SHIFT))
    start = np.array([*rule.ratios, rule.offset]) * 2.0**shift
    base = np.rint(np.clip(start, -LARGEST, LARGEST)).astype(np.int64)
    rows, slack = _conditions(rule, mode, shift, base)
    moved = base + np.rint(_relax(rows, slack)).astype(np.int64)
    constants = Requantization(
        np.maximum(moved[:2, None], 0), moved[2:], np.array([shift]), mode,
        rule.zero_point, rule.low, rule.high,
    )  # fmt: skip
    return PairTwin(constants, pair_differences(rule, constants))


def _conditions(
    rule: PairRule, mode: str, shift: int, base: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows [N 3] and slack [N]: rows . x + slack >= 0 for a change x of the constants."""
    a, b = _operands(rule)
    y = rule.values.reshape(-1)
    total = base[0] * a + base[1] * b + base[2]
    level = y - rule.zero_point
    place = np.int64(shift)
    above = total - least_total(mode, level, place)
    below = least_total(mode, level + 1, place) - 1 - total
    pairs = np.stack([a, b, np.ones_like(a)], axis=1).astype(np.float64)
    near = NEAR * 2.0**shift
    low, high = (y > rule.low) & (above < near), (y < rule.high) & (below < near)
    rows = np.concatenate([pairs[low], -pairs[high]])
    return rows, np.concatenate([above[low], below[high]]).astype(np.float64)


def _relax(rows: NDArray[np.float64], slack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a change x with rows . x + slack >= margin, or the one that left the fewest below 0.

    The margin leaves room for rounding x to integers.
    """
    change = np.zeros(3)
    best, fewest = change, len(slack) + 1
    squares = (rows**2).sum(axis=1)
    margin = BYTES + 1.0  # what rounding three constants moves a sum by, at most
    for _ in range(ROUNDS if len(slack) else 0):
        values = rows @ change + slack
        violated = int((values < 0).sum())
        if violated < fewest:
            best, fewest = change, violated
        worst = int(values.argmin())
        if values[worst] >= margin:
            return change
        change = change + rows[worst] * ((2 * margin - values[worst]) / squares[worst])
    return best
