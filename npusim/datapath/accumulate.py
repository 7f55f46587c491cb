"""accumulate: s(SUM_BITS) sum x s32 accumulator -> s32 accumulator, exact, wrapping.

    acc_o = clear ? sum : acc_i + sum

The end of pe_column, on its own because the accumulator memory is read as late as possible: one
stage lies between reading and writing it. One per region: three for a column with pwlq.

| quantity | width       | why it fits                                                           |
|----------|-------------|-----------------------------------------------------------------------|
| sum      | s(SUM_BITS) | a pe_column's centre, tail or tail_sum                                |
| acc      | s32         | the compiler proves K * max|w| * max|xe| + |b| < 2^31; else it wraps  |

Cycles: 1 sum per cycle, latency 1.
RTL: rtl/npu_accumulate.v
Source: the common int32 accumulator (Jacob et al. 2018, section 2.3).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Bins, Parameters, Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import ACC_BITS, acc_near_wrap, wrap_acc
from npusim.datapath.stimulus import between, chance


@scalar
def accumulate(sum: int, acc: int, clear: int) -> int:
    """Return the accumulator after one more sum, or with `clear` after the first."""
    return sum if clear else wrap_acc(acc + sum)


@kernel
def accumulate_all(sums: NDArray[np.int64], clear: int, acc: NDArray[np.int32]) -> None:
    """Accumulate sums [N] in acc [N]."""
    for i in range(len(sums)):
        acc[i] = accumulate(sums[i], acc[i], clear)


def vectors(rng: random.Random, count: int, sum_bits: int) -> Iterator[Values]:
    """Yield `count` sums, a fifth of them next to the accumulator's wrap; a quarter is first."""
    half = 1 << (sum_bits - 1)
    for _ in range(count):
        total = between(rng, -half, half - 1)
        clear = int(chance(rng, 25))
        yield {"sum": total, "acc": acc_near_wrap(rng, total), "clear": clear}


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: both wraps, clearing with either sign."""
    points: dict[str, Any] = {
        "wraps upwards": lambda i, o: not i["clear"] and o["acc"] < i["acc"] - (1 << 31),
        "wraps downwards": lambda i, o: not i["clear"] and o["acc"] > i["acc"] + (1 << 31),
        "clears with a sum < 0": lambda i, o: i["clear"] and i["sum"] < 0 < i["acc"],
        "clears with a sum > 0": lambda i, o: i["clear"] and i["acc"] < 0 < i["sum"],
        "adds within the range": lambda i, o: not i["clear"] and o["acc"] == i["acc"] + i["sum"],
    }
    return points


UNIT = Unit(
    name="accumulate",
    ports=(
        Port("sum", "in", lambda p: p["SUM_BITS"], signed=True, meaning="sum of a column's region"),
        Port("acc", "in", ACC_BITS, signed=True, meaning="accumulator before"),
        Port("clear", "in", 1, meaning="1: first sum, acc is not read"),
        Port("acc", "out", ACC_BITS, signed=True, meaning="accumulator after"),
    ),
    latency_cycles=1,
    scalar=accumulate,
    parameters={"SUM_BITS": 20},
    variants=({"SUM_BITS": 13}, {"SUM_BITS": 32}),
    vectors=vectors,
    bins=bins,
)
