"""What tables, pictures and traces call the ways in which cycles and energy are spent."""

from __future__ import annotations

from npusim.codes import ARRAY_FORMATS
from npusim.isa.spec import QUEUED_ENGINES, SIDES

WAIT_WORDS = {
    "fetch": "waiting for instructions",
    "prev": "waiting for loads",
    "next": "waiting for stores",
}
"""What MX and EP, taken as one engine, wait for."""
PART_WORDS = {
    "array": "array multiplies",
    "weights": "loading weights, drain",
    "requantize": "requantization",
    "vector": "vector unit",
    "configure": "configuration",
    **WAIT_WORDS,
}
"""What the cycles of a layer were spent on."""
LOSS_WORDS = {"empty rows": "empty rows", **PART_WORDS}
LOSS_MEANINGS = {
    "empty rows": "rows and columns of the array without a channel or tap",
    "weights": "no multiplication hides the loading of weights, or the array's pipeline",
    "requantize": "the multipliers wait until sums are brought to 8 bits",
    "vector": "the multipliers wait until bytes are pooled, added or looked up",
    "configure": "instructions that write registers",
}
"""What keeps the array from being full in every cycle, where its name does not say it."""
SIDE_WORDS = {
    "fetch": "waiting for instructions",
    "prev": "waiting for the engine before",
    "across": "waiting for the engine after the next",
    "next": "waiting for the engine after",
}
"""What one engine of LD, MX, EP and ST waits for; behind ST comes LD."""
ENERGY_WORDS = {
    **{f"array_{name}": f"array ({name})" for name in ARRAY_FORMATS},
    "array_edge": "edge of the array",
    "accumulators": "accumulators",
    "requantizers": "requantizers",
    "vector": "vector unit",
    "scratchpads": "scratchpads",
    "dma": "DMA",
    "dram": "DRAM",
    "control": "control",
    "clock": "clock",
    "leakage": "leakage",
}
"""Of npusim/cost/prices.py COMPONENTS, in the order in which they are stacked."""


def wait_of(engine: str, cause: str) -> str:
    """Return what `engine` waits for, another engine by its name."""
    if cause not in SIDES:
        return WAIT_WORDS[cause]
    place = QUEUED_ENGINES.index(engine) + SIDES[cause]
    return f"waiting for {QUEUED_ENGINES[place % len(QUEUED_ENGINES)]}"
