"""Facts of the codes as arrays: those of the pages, and something for every value of the fields."""

from __future__ import annotations

from npusim.codes import ARRAY_FORMATS, CODES
from npusim.codes.columns import (
    ARRAY_FORMAT,
    BITS_PLACES,
    FORMAT_PLACES,
    NONE,
    REGION_COUNT,
    STORED_BITS,
)
from npusim.isa.instructions.mac import REGISTERS


def test_they_have_a_place_for_every_value_of_the_fields():
    (register,) = (r for r in REGISTERS if r.name == "mac_format")
    widths = {field.name: field.width_bits for field in register.fields}
    assert (FORMAT_PLACES, BITS_PLACES) == (1 << widths["format"], 1 << widths["bits"])
    assert len(CODES) <= FORMAT_PLACES


def test_they_are_what_the_pages_say():
    for index, code in enumerate(CODES):
        assert REGION_COUNT[index] == code.regions
        for bits in range(2, code.elements[0].bits + 1):
            assert STORED_BITS[index, bits] == code.stored_bits(bits)
            assert ARRAY_FORMATS[ARRAY_FORMAT[index, bits]] == code.element(bits)


def test_a_format_that_is_no_code_multiplies_nothing():
    for index in range(len(CODES), FORMAT_PLACES):
        assert (ARRAY_FORMAT[index] == NONE).all()
        assert (STORED_BITS[index] == range(BITS_PLACES)).all()
        assert REGION_COUNT[index] == 1
