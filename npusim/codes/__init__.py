"""Weight codes: a page for each, and the lists that are derived from them.

One more code is its page here, in CODES, with its scheme in schemes.py; its encoder in
npusim/quant/encoders/; and its wires in npusim/datapath/weight_decode.py with the RTL. The
instruction set's names, registers and headers, the formats of machines, what is counted, priced and
drawn, and the form in which files hold it follow. tests/structure/test_codes.py names what lacks.
"""

from npusim.codes.code import LEAST_BITS, REGIONS, Levels, WeightCode
from npusim.codes.lut import LUT
from npusim.codes.pwlq import PWLQ
from npusim.codes.pwlq_double import PWLQ_DOUBLE
from npusim.codes.subset import SUBSET
from npusim.codes.uniform import UNIFORM

CODES: tuple[WeightCode, ...] = (UNIFORM, SUBSET, PWLQ, LUT, PWLQ_DOUBLE)
"""A code's number in the instruction set and in the RTL is its place."""
FORMAT_BITS = max(2, (len(CODES) - 1).bit_length())
"""Bits of that number."""
WEIGHT_FORMATS = tuple(code.name for code in CODES)
ARRAY_FORMATS = tuple(dict.fromkeys(name for code in CODES for name in code.element_names))
"""Elements of the array: what a machine names in `array.formats`, in this order.

Codes that one element multiplies name the same element and parameter."""
MULTIPLIED_ON = {
    element.name: element.on for code in CODES for element in code.elements if element.on
}
"""What an element of ARRAY_FORMATS without a multiplier of its own needs beside it, or a wider."""
MULTIPLIERS = tuple(name for name in ARRAY_FORMATS if name not in MULTIPLIED_ON)
"""Elements that have one."""
AT_LEAST = {
    name: code.element_names[: place + 1]
    for code in CODES
    for place, name in enumerate(code.element_names)
}
"""Elements that multiply what an element does, widest first: those of its code as wide or wider."""

__all__ = [
    "ARRAY_FORMATS", "AT_LEAST", "CODES", "FORMAT_BITS", "LEAST_BITS", "LUT", "MULTIPLIED_ON",
    "MULTIPLIERS", "PWLQ", "PWLQ_DOUBLE", "REGIONS", "SUBSET", "UNIFORM", "WEIGHT_FORMATS",
    "Levels", "WeightCode",
]  # fmt: skip
