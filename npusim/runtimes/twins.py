"""Integer twins: constants of the requantizer that equal a runtime's floating-point rule.

The rule is a staircase (staircase.py) with thresholds t_k over the accumulators that can occur. The
requantizer gives k or more from the product sum theta_k on, a number of the rounding mode, k and
the shift alone. So it is equal to the rule if and only if, for every output k,

    M * t_k + B >= theta_k           where t_k is reached
    M * (t_k - 1) + B < theta_k      where t_k - 1 is

For a multiplier M these leave a window for B, whose width is concave in M: a binary search over
integers finds the widest window, or shows that there is none. Everything is exact; what is found is
proved once more by `differences`, which knows nothing of the search.

Source: npusim; a straight line on a grid that separates two sets of points (digital straight lines,
Rosenfeld 1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.runtimes.requantization import Requantization
from npusim.runtimes.staircase import Epilogue, Reach, outputs, parts, thresholds

MODES = ("half_up", "half_even", "half_away", "tflite")
"""The rounding modes that are tried, in this order; `floor` and `ruy` are `half_up` with another B.
"""

MULTIPLIER_BITS = 31
WANTED_MULTIPLIER_BITS = 30
MAX_SHIFT = 51
"""Of a twin: output 384 times 2^51 leaves the product sum within 2^60."""
TOTAL_LIMIT = 1 << 60
UNBOUNDED = 1 << 61


@dataclass(frozen=True)
class Difference:
    """Accumulators first..last of a channel for which two requantizations give other outputs.

    `expected` and `found` are the outputs at the first of them.
    """

    channel: int
    first: int
    last: int
    expected: int
    found: int

    @property
    def count(self) -> int:
        """How many accumulators differ."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        where = f"accumulator {self.first}"
        if self.last > self.first:
            where = f"accumulators {self.first}..{self.last}"
        return f"channel {self.channel}, {where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, eq=False)
class Twin:
    """Integer constants for a rule, and the accumulators for which they differ from it, if any."""

    requantization: Requantization
    differences: tuple[Difference, ...]

    @property
    def is_exact(self) -> bool:
        """Whether they are proved equal for every accumulator that can occur."""
        return not self.differences


def twin(rule: Epilogue, reach: Reach) -> Twin:
    """Return the requantizer's constants for `rule`, one mode for all channels.

    The first mode in which every channel is equal to the rule, else the one that leaves the fewest
    accumulators different. Deterministic: the same rule and reach give the same integers.

    Parameters
    ----------
    rule
        A requantization of one term; its constants [C] are the layer's channels.
    reach
        The accumulators that can occur, without the bias, for each channel.
    """
    steps = thresholds(rule, reach)
    best = _in_mode(rule, reach, steps, MODES[0])
    for mode in MODES[1:]:
        if best.is_exact:
            break
        lacking = np.unique([difference.channel for difference in best.differences])
        some = rule.of_channels(lacking), reach[lacking], steps[lacking], mode
        if _count(_in_mode(*some)) < _count(best):
            best = min(best, _in_mode(rule, reach, steps, mode), key=_count)
    return best


def _count(found: Twin) -> int:
    return sum(difference.count for difference in found.differences)


def _in_mode(rule: Epilogue, reach: Reach, steps: NDArray[np.int64], mode: str) -> Twin:
    pieces = [_search(rule, reach[part], steps[part], mode) for part in parts(len(reach))]
    multiplier, bias, shift = (np.concatenate([piece[i] for piece in pieces]) for i in range(3))
    constants = Requantization(
        multiplier[None], bias, shift, mode, rule.zero_point, rule.low, rule.high
    )
    return Twin(constants, _differences(rule, constants, reach, steps))


def least_total(
    mode: str, level: NDArray[np.int64], shift: NDArray[np.int64] | np.int64
) -> NDArray[np.int64]:
    """Return theta, the least product sum that gives `level` or more (before the zero point).

    From the constants of npusim/datapath/round_shift.py, for shifts from 1 on: ties go to `level`
    unless half_even finds it odd or half_away finds it not positive; `tflite` rounds at bit 31
    first, away from zero.
    """
    half = (level << shift) - (np.int64(1) << (shift - 1))
    if mode == "half_even":
        return half + (level & 1)
    if mode == "half_away":
        return half + (level <= 0)
    if mode == "tflite":
        earlier = np.where(shift > MULTIPLIER_BITS, np.int64(1) << (MULTIPLIER_BITS - 1), 0)
        return half + np.where(level > 0, -earlier, earlier)
    return half


def _search(
    rule: Epilogue, reach: Reach, steps: NDArray[np.int64], mode: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return multiplier, bias and shift [C] whose window is the widest."""
    levels = np.arange(rule.low + 1, rule.high + 1) - rule.zero_point
    shift = _shift(reach, steps)
    theta = least_total(mode, levels[None, :], shift[:, None])
    reached, left = steps <= reach.last[:, None], steps > reach.first[:, None]

    def window(multiplier: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        m = multiplier[:, None]
        low = np.where(reached, theta - m * steps, -UNBOUNDED).max(axis=1, initial=-UNBOUNDED)
        high = np.where(left, theta - 1 - m * (steps - 1), UNBOUNDED).min(axis=1, initial=UNBOUNDED)
        return low, high

    def width(multiplier: NDArray[np.int64]) -> NDArray[np.int64]:
        low, high = window(multiplier)
        return high - low

    largest = np.maximum(np.maximum(abs(reach.first), abs(reach.last)), 1)
    below = np.zeros(len(reach), np.int64)
    above = np.minimum((1 << MULTIPLIER_BITS) - 1, TOTAL_LIMIT // largest)
    while np.any(below < above):
        middle = (below + above) >> 1
        rises = width(middle + 1) > width(middle)
        searching = below < above
        below = np.where(searching & rises, middle + 1, below)
        above = np.where(searching & ~rises, middle, above)
    low, high = window(below)
    bias = np.where(
        low == -UNBOUNDED, high, np.where(high == UNBOUNDED, low, (low >> 1) + (high >> 1))
    )
    return below, bias, shift


def _shift(reach: Reach, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the shift with which the staircase's mean slope is a multiplier of 29 or 30 bits."""
    inside = (steps > reach.first[:, None]) & (steps <= reach.last[:, None])
    count = inside.sum(axis=1)
    first = np.where(inside, steps, UNBOUNDED).min(axis=1, initial=UNBOUNDED)
    last = np.where(inside, steps, -UNBOUNDED).max(axis=1, initial=-UNBOUNDED)
    several = count > 1
    rise = np.where(several, count - 1, 1)
    run = np.where(several, last - first, reach.last - reach.first + 1)
    _, bits = np.frexp(np.maximum(run, 1) / rise)
    return np.clip(WANTED_MULTIPLIER_BITS - 1 + bits.astype(np.int64), 1, MAX_SHIFT)


def differences(rule: Epilogue, constants: Epilogue, reach: Reach) -> tuple[Difference, ...]:
    """Return where `constants` differ from `rule` over the accumulators of `reach`; () is a proof.

    Both are monotone, so they are equal everywhere if they are at both ends of the reach and on
    both sides of each step of the rule: at most 512 accumulators a channel.
    """
    return _differences(rule, constants, reach, thresholds(rule, reach))


def _differences(
    rule: Epilogue, constants: Epilogue, reach: Reach, steps: NDArray[np.int64]
) -> tuple[Difference, ...]:
    """Return `differences`, the rule's thresholds `steps` given."""
    found: list[Difference] = []
    for part in parts(len(reach)):
        first, last = reach.first[part, None], reach.last[part, None]
        edges = np.concatenate([first, last, steps[part] - 1, steps[part]], axis=1)
        edges = np.clip(edges, first, last)
        expected = outputs(rule.of_channels(part), edges)
        computed = outputs(constants.of_channels(part), edges)
        for channel in np.flatnonzero((expected != computed).any(axis=1)) + part.start:
            found += _intervals(rule, constants, reach, int(channel))
    return tuple(found)


def _intervals(rule: Epilogue, constants: Epilogue, reach: Reach, channel: int) -> list[Difference]:
    """Return the intervals of accumulators for which one channel's outputs differ."""
    one = slice(channel, channel + 1)
    rule, constants, reach = rule.of_channels(one), constants.of_channels(one), reach[one]
    cuts = np.concatenate([thresholds(rule, reach)[0], thresholds(constants, reach)[0]])
    begin = np.unique(np.append(cuts, reach.first))
    begin = begin[begin <= reach.last]
    end = np.append(begin[1:] - 1, reach.last)
    expected, computed = (outputs(r, begin[None])[0] for r in (rule, constants))
    return [
        Difference(channel, int(begin[i]), int(end[i]), int(expected[i]), int(computed[i]))
        for i in np.flatnonzero(expected != computed)
    ]
