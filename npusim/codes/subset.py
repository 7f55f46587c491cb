"""subset: a weight is plus or minus one of the layer's magnitudes, sums of two powers of two.

    sign = code[b-1], index = code[b-2:0]
    weight = (-1)^sign * magnitudes[index]

A layer picks 2^(b-1) of the 15 UNIVERSAL_MAGNITUDES, so an element needs two multiplexers of fixed
shifts and an adder, no multiplier. Most subsets have no code for zero. A code with the sign set
that selects 0 is legal and worth 0.

Source: Oh et al. 2022, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from npusim.codes.code import Element, Levels, WeightCode
from npusim.errors import RangeError
from npusim.parameter import Parameter

WORD_A = (16, 8, 2, 0)
"""What selA = 0..3 multiplies the operand by; selA = 3 selects nothing."""
WORD_B = (16, 4, 1, 0)
UNIVERSAL_MAGNITUDES = tuple(sorted({a + b for a in WORD_A for b in WORD_B}))
"""The 15 magnitudes that a subset may hold: 32 times the paper's."""
SELECTOR_BITS = 4
"""Of one magnitude: selA, then selB."""
LANES = 8
"""Magnitudes of a layer at the widest b."""

PUBLISHED_SUBSETS = (
    (1, 2, 4, 6, 9, 12, 18, 32), (1, 3, 6, 9, 12, 16, 20, 32),
    (0, 1, 2, 4, 6, 9, 16, 32), (1, 3, 6, 9, 12, 17, 24, 32),
    (3, 9, 17, 32), (2, 6, 12, 24), (1, 4, 9, 20), (2, 8, 16, 32),
    (9, 32), (4, 18), (2, 9), (4, 16), (8, 32),
)  # fmt: skip
"""The magnitudes found for layers of ResNet-18 and MobileNet-v2. Source: Oh et al. 2022."""


def sign(code: int, bits: int) -> int:
    """Return 1 where the weight of a code is negative."""
    return (code >> (bits - 1)) & 1


def index(code: int, bits: int) -> int:
    """Return which of the layer's 2^(b-1) magnitudes a code selects."""
    return code & ((1 << (bits - 1)) - 1)


def code_of(sign: int, index: int, bits: int) -> int:
    """Return the code of `sign` and the index of a magnitude."""
    return sign << (bits - 1) | index


def selector(magnitude: int) -> int:
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


def selectors(magnitudes: Levels) -> tuple[int, ...]:
    """Return the lanes of weight_decode's `selectors` port for a layer's ascending magnitudes."""
    lanes = tuple(selector(int(magnitude)) for magnitude in magnitudes)
    return lanes + (selector(0),) * (LANES - len(lanes))


def _words(magnitudes: Levels) -> tuple[int]:
    lanes = enumerate(selectors(magnitudes))
    return (sum(lane << SELECTOR_BITS * place for place, lane in lanes),)


def _magnitudes(words: Sequence[int]) -> Levels:
    (word,) = words
    lanes = [word >> SELECTOR_BITS * index for index in range(LANES)]
    return tuple(WORD_A[lane >> 2 & 3] + WORD_B[lane & 3] for lane in lanes)


def _worth(code: int, bits: int, levels: Levels) -> tuple[int, int, int]:
    magnitude = levels[index(code, bits)]
    return -magnitude if sign(code, bits) else magnitude, 0, 0


SUBSET = WeightCode(
    name="subset",
    unit="mac_subset",
    elements=(Element("subset", 4),),
    parameter=Parameter("SUBSET", "params0", "subset", 20, 1, "subset is built in"),
    worth=_worth,
    is_flag=True,
    level_count=lambda bits: 1 << (bits - 1),
    level_bits=SELECTOR_BITS,
    level_registers=("subset_selectors",),
    level_words=_words,
    levels_of_words=_magnitudes,
)
