"""merge_regions: pwlq's centre and tail-operand accumulators -> s32 first term, exact, wrapping.

    acc_o = acc_centre + n * acc_tail_sum,    n = 2^(bits-1) - 1
          = acc_centre + (acc_tail_sum << (bits-1)) - acc_tail_sum

The breakpoint is exactly n steps of the centre, so the tail's share of it is added as an integer,
before the multiplier: rounding the breakpoint's own multiplier instead moves outputs by an LSB.

| quantity     | width | why it fits                                                           |
|--------------|-------|-----------------------------------------------------------------------|
| bits         | u4    | b of the layer, 2..8                                                  |
| acc_centre   | s32   | sum of +-g * xe over the centre's weights                             |
| acc_tail_sum | s32   | sum of +-xe over the tail's weights                                   |
| acc          | s32   | the compiler proves K * n * max|xe| < 2^31; beyond that it wraps      |

Cycles: 1 result per cycle and lane, latency 1.
RTL: rtl/npu_merge_regions.v
Source: Fang et al. 2020, section 4.3, with the third product replaced by shift and subtract.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import ACC_BITS, wrap_acc
from npusim.datapath.stimulus import between, chance

BITS_BOUNDS = (2, 8)


@scalar
def merge_regions(acc_centre: int, acc_tail_sum: int, bits: int) -> int:
    """Return the accumulator that the centre's multiplier takes."""
    return wrap_acc(acc_centre + (acc_tail_sum << (bits - 1)) - acc_tail_sum)


@kernel
def merge_all(
    centre: NDArray[np.int32], tail_sum: NDArray[np.int32], bits: int, merged: NDArray[np.int32]
) -> None:
    """Write the merged accumulators of centre [N] and tail_sum [N] to merged [N]."""
    for i in range(len(centre)):
        merged[i] = merge_regions(centre[i], tail_sum[i], bits)


def vectors(rng: random.Random, count: int) -> Iterator[Values]:
    """Yield `count` pairs; half of the operand sums are those of real layers, within 24 bits."""
    half = 1 << (ACC_BITS - 1)
    for _ in range(count):
        limit = 1 << 23 if chance(rng, 50) else half
        yield {
            "acc_centre": between(rng, -half, half - 1),
            "acc_tail_sum": between(rng, -limit, limit - 1),
            "bits": rng.randint(*BITS_BOUNDS),
        }


_BINS: dict[str, Any] = {
    f"b = {bits}, tail sum {sign} 0": (
        lambda i, o, b=bits, s=sign: i["bits"] == b and (i["acc_tail_sum"] < 0) == (s == "<")
    )
    for bits in range(BITS_BOUNDS[0], BITS_BOUNDS[1] + 1)
    for sign in ("<", ">=")
}

UNIT = Unit(
    name="merge_regions",
    ports=(
        Port("acc_centre", "in", ACC_BITS, signed=True, meaning="sum of g * xe in the centre"),
        Port("acc_tail_sum", "in", ACC_BITS, signed=True, meaning="sum of xe in the tail"),
        Port("bits", "in", 4, legal=BITS_BOUNDS, meaning="b of the layer"),
        Port("acc", "out", ACC_BITS, signed=True, meaning="first term of the epilogue"),
    ),
    latency_cycles=1,
    scalar=merge_regions,
    vectors=vectors,
    bins=_BINS,
)
