"""lut: a weight is one of the layer's own levels, any 2^b integers of 8 bits.

    index = code[b-1:0]
    weight = levels[index]

A layer picks 2^b levels among -128..127: a table of up to 16 bytes at the array's edge turns a code
into the operand of the multiplier that uniform8 uses. Whether a level is 0 is the layer's choice.

Source: codebooks of shared weights are Han et al. 2016 (Deep Compression), section 3; levels of 8
bits, so that an integer multiplier takes them, are npusim's.
"""

from __future__ import annotations

from collections.abc import Sequence

from npusim.codes.code import Element, Levels, WeightCode
from npusim.errors import RangeError
from npusim.parameter import Parameter

LEVEL_BITS = 8
LEAST_LEVEL, MOST_LEVEL = -(1 << (LEVEL_BITS - 1)), (1 << (LEVEL_BITS - 1)) - 1
MOST_BITS = 4
TABLE_LEVELS = 1 << MOST_BITS
"""Levels of a layer at the widest b."""
WORD_LEVELS = 4
"""Levels in a register of the MAC, the first in the lowest byte."""
REGISTERS = tuple(f"lut_levels{i}" for i in range(TABLE_LEVELS // WORD_LEVELS))


def index(code: int, bits: int) -> int:
    """Return which of the layer's 2^b levels a code selects."""
    return code & ((1 << bits) - 1)


def table(levels: Levels) -> tuple[int, ...]:
    """Return the lanes of weight_decode's `levels` port for a layer's levels; others are 0.

    Raises
    ------
    RangeError
        A level has more than 8 bits.
    """
    for level in levels:
        if not LEAST_LEVEL <= level <= MOST_LEVEL:
            raise RangeError(f"lut level: expected {LEAST_LEVEL}..{MOST_LEVEL}, found {level}")
    return (*levels, *(0,) * (TABLE_LEVELS - len(levels)))


def _words(levels: Levels) -> tuple[int, ...]:
    held = table(levels)
    return tuple(
        int.from_bytes(bytes(level & 0xFF for level in held[at : at + WORD_LEVELS]), "little")
        for at in range(0, TABLE_LEVELS, WORD_LEVELS)
    )


def _levels(words: Sequence[int]) -> Levels:
    held = b"".join(word.to_bytes(WORD_LEVELS, "little") for word in words)
    return tuple(byte - 256 if byte > MOST_LEVEL else byte for byte in held)


def _worth(code: int, bits: int, levels: Levels) -> tuple[int, int, int]:
    return levels[index(code, bits)], 0, 0


LUT = WeightCode(
    name="lut",
    unit="mac_uniform",
    elements=(Element("lut", MOST_BITS, on="uniform8"),),
    parameter=Parameter(
        "LUT", "params0", "lut", 22, 1, "a table of 16 int8 levels is built in; needs uniform8"
    ),
    worth=_worth,
    is_flag=True,
    level_count=lambda bits: 1 << bits,
    level_name="levels",
    level_bits=LEVEL_BITS,
    level_registers=REGISTERS,
    level_words=_words,
    levels_of_words=_levels,
)
