"""WeightCode: the record of a code, tried on one that does not exist yet."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes.code import Element, WeightCode
from npusim.errors import RangeError
from npusim.parameter import Parameter

LOOKUP = WeightCode(
    name="lookup",
    unit="mac_uniform",
    elements=(Element("lookup", 4),),
    parameter=Parameter("LOOKUP", "params0", "lookup", 21, 1, "any levels"),
    worth=lambda code, bits, levels: (levels[code], 0, 0),
    is_flag=True,
    level_count=lambda bits: 1 << bits,
    level_bits=8,
)
LEVELS = (-128, -90, -60, -31, -17, -8, -3, -1, 1, 3, 7, 15, 33, 57, 91, 127)


def test_a_code_of_any_levels_is_one_record():
    codes = np.array([[0, 15], [8, 7]], np.uint8)
    assert LOOKUP.decode(codes, 4, LEVELS).tolist() == [[[-128, 127], [1, -1]]]
    assert not LOOKUP.has_zero(4, LEVELS)
    assert LOOKUP.has_zero(4, (0, *LEVELS[1:]))
    assert LOOKUP.stored_bits(4) == 4
    assert (LOOKUP.most_bits({"LOOKUP": 1}), LOOKUP.most_bits({"LOOKUP": 0})) == (4, 0)


def test_a_table_is_made_once_and_cannot_be_changed():
    table = LOOKUP.table(4, LEVELS)
    assert table is LOOKUP.table(4, LEVELS)
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_levels_of_another_number_are_refused():
    with pytest.raises(RangeError, match="lookup magnitudes: expected 16 at 4 bits, found 3"):
        LOOKUP.table(4, (1, 2, 3))
