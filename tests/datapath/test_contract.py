"""A port's lanes, widths and bounds follow its parameters; what does not fit names the port."""

from __future__ import annotations

import pytest

from npusim.datapath.contract import Port
from npusim.errors import RangeError

LANES = Port("x", "in", lambda p: p["BITS"], signed=True, lanes=lambda p: p["SIZE"])
PARAMETERS = {"BITS": 5, "SIZE": 3}


def test_lanes_are_packed_lowest_first_and_unpacked_again() -> None:
    packed = LANES.pack((-1, 15, -16), PARAMETERS)
    assert packed == 0b10000_01111_11111
    assert LANES.unpack(packed, PARAMETERS) == (-1, 15, -16)
    assert (LANES.total_width(PARAMETERS), LANES.bounds(PARAMETERS)) == (15, (-16, 15))


@pytest.mark.parametrize("value", [16, -17])
def test_a_value_that_does_not_fit_names_its_port(value: int) -> None:
    with pytest.raises(RangeError, match=rf"x.*: expected -16\.\.15, found {value}"):
        LANES.pack((0, value, 0), PARAMETERS)


def test_another_number_of_lanes_is_refused() -> None:
    with pytest.raises(RangeError, match=r"x.*: expected 3 lanes, found 2"):
        LANES.pack((0, 0), PARAMETERS)
