"""Facts of the weight codes as arrays, for columns of instructions and for compiled loops.

They are indexed by the fields `format` and `bits` of the register mac_format, whatever these hold;
a format that is no code counts as b bits in one region of no element.
"""

from __future__ import annotations

import numpy as np

from npusim.codes import ARRAY_FORMATS, CODES, FORMAT_BITS, UNIFORM

FORMAT_PLACES, BITS_PLACES = 1 << FORMAT_BITS, 16
"""Values of the two fields."""
NONE = -1

STORED_BITS = np.tile(np.arange(BITS_PLACES), (FORMAT_PLACES, 1))
"""Bits of a stored code, int64 [format bits]."""
REGION_COUNT = np.ones(FORMAT_PLACES, np.int64)
"""Regions of an accumulator word that a product is added to, int64 [format]."""
ARRAY_FORMAT = np.full((FORMAT_PLACES, BITS_PLACES), NONE)
"""Place in ARRAY_FORMATS of what multiplies, int64 [format bits]."""
AS_UNIFORM = np.zeros(FORMAT_PLACES, np.int64)
"""1 where the multiplier of the uniform codes runs it, int64 [format]."""

for _place, _code in enumerate(CODES):
    REGION_COUNT[_place] = _code.regions
    AS_UNIFORM[_place] = _code.unit == UNIFORM.unit
    for _bits in range(BITS_PLACES):
        STORED_BITS[_place, _bits] = _code.stored_bits(_bits)
        _held = min(_bits, _code.elements[0].bits)
        ARRAY_FORMAT[_place, _bits] = ARRAY_FORMATS.index(_code.element(_held))
