"""lookup: 8-bit activation -> 8-bit activation through a table of 256 entries, exact.

    y = table[x]

Any function of one int8 or uint8 activation: the table is indexed by the byte as it lies in memory,
so int8 -1 is entry 255.

| quantity | width          | why it fits                          |
|----------|----------------|--------------------------------------|
| x        | u8             | the byte in memory                   |
| table    | 256 lanes of u8| held by the vector unit for a layer  |
| y        | u8             | an entry                             |

Cycles: 1 result per cycle and lane, latency 1.
RTL: rtl/npu_lookup.v
Source: the common activation table (TFLite, lookup-table kernels for int8).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Port, Unit, Values
from npusim.datapath.jit import kernel, scalar

ENTRIES = 256


@scalar
def lookup(x: int, table: Any) -> int:
    """Return the entry of the byte `x` (0..255); the table is a tuple or an array."""
    return table[x]


@kernel
def lookup_all(x: NDArray[np.int16], table: NDArray[np.int16], y: NDArray[np.int16]) -> None:
    """Write the entries of the bytes x [N] to y [N]; table is [256]."""
    for i in range(len(x)):
        y[i] = lookup(x[i], table)


def _random_table(rng: random.Random) -> tuple[int, ...]:
    return tuple(rng.randbytes(ENTRIES))


def directed() -> Iterator[Values]:
    """Yield every byte with a table that names it, and with one that does not."""
    for table in (tuple(range(ENTRIES)), _random_table(random.Random(256))):
        for x in range(ENTRIES):
            yield {"x": x, "table": table}


def vectors(rng: random.Random, count: int) -> Iterator[Values]:
    """Yield `count` bytes; the table changes every 16 of them."""
    table = _random_table(rng)
    for number in range(count):
        if number % 16 == 0:
            table = _random_table(rng)
        yield {"x": rng.getrandbits(8), "table": table}


_BINS: dict[str, Any] = {
    f"entry {entry}": lambda i, o, e=entry: i["x"] == e and o["y"] != e for entry in range(ENTRIES)
}

UNIT = Unit(
    name="lookup",
    ports=(
        Port("x", "in", 8, meaning="activation, the byte in memory"),
        Port("table", "in", 8, lanes=ENTRIES, meaning="the function, by byte"),
        Port("y", "out", 8, meaning="entry"),
    ),
    latency_cycles=1,
    scalar=lookup,
    vectors=vectors,
    directed=directed,
    bins=_BINS,
)
