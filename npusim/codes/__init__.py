"""Weight codes: a page for each, and the lists that are derived from them.

One more code is its page here, in CODES, with its scheme in schemes.py; its encoder in
npusim/quant/encoders/; and its wires in npusim/datapath/weight_decode.py with the RTL. The
instruction set's names, registers and headers, the formats of machines, what is counted, priced and
drawn, and the form in which files hold it follow. tests/structure/test_codes.py names what lacks.
"""

from npusim.codes.code import LEAST_BITS, REGIONS, Levels, WeightCode
from npusim.codes.pwlq import PWLQ
from npusim.codes.subset import SUBSET
from npusim.codes.uniform import UNIFORM

CODES: tuple[WeightCode, ...] = (UNIFORM, SUBSET, PWLQ)
"""A code's number in the instruction set and in the RTL is its place."""
WEIGHT_FORMATS = tuple(code.name for code in CODES)
ARRAY_FORMATS = tuple(dict.fromkeys(name for code in CODES for name in code.element_names))
"""Elements of the array: what a machine names in `array.formats`, in this order.

Codes that one element multiplies name the same element and parameter."""

__all__ = [
    "ARRAY_FORMATS", "CODES", "LEAST_BITS", "PWLQ", "REGIONS", "SUBSET", "UNIFORM",
    "WEIGHT_FORMATS", "Levels", "WeightCode",
]  # fmt: skip
