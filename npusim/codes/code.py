"""What is true of a weight code, stated once; each code fills it in on its own page.

A code of b bits is stored in b bits or more. The array multiplies an operand by what the code is
worth in each of the REGIONS of an accumulator word, and the epilogue weighs the sums:

    T = B + sum_j M_j * A_j,   plane j of the weights is what A_j sums over

`table` lists the worth of every code; the simulator, the compiler, the quantizer, the export and
the reference kernels all read that list, so a code is decoded in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from npusim.errors import RangeError
from npusim.parameter import Parameter

if TYPE_CHECKING:  # the lists of names serve the command line's help, which loads no numpy
    import numpy as np
    from numpy.typing import NDArray

REGIONS = 3
"""Sums that one accumulator word can hold: the centre, the tail, the operands of the tail."""
LEAST_BITS = 2
Levels = tuple[int, ...]
"""What a layer's own table holds: magnitudes, or signed levels, that a code selects.

Empty where a code has none."""


@dataclass(frozen=True)
class Element:
    """A multiplier of the array: its name in a machine's `formats`, and the widest b that it runs.

    Each element is a class of products in the counts, in the energy and in the report.
    """

    name: str
    bits: int
    on: str = ""
    """The least element whose multiplier it can use, built in beside it; empty: its own."""


@dataclass(frozen=True)
class WeightCode:
    """A kind of weight code, as the register `mac_format` selects it."""

    name: str
    unit: str
    """The datapath page of its multiplier."""
    elements: tuple[Element, ...]
    """The array's elements that run it, widest first."""
    parameter: Parameter
    """What tells the RTL whether it is built in: the greatest b, or whether at all."""
    worth: Callable[[int, int, Levels], tuple[int, int, int]]
    """worth(code, b, levels): what a code multiplies an operand by in each region."""
    is_flag: bool = False
    """`parameter` is 1 where the code is built in, for all b of its element."""
    region_bits: int = 0
    """Bits stored beside sign and magnitude."""
    regions: int = 1
    """Regions of an accumulator word that it adds to."""
    forms: tuple[int, ...] = (1,)
    """How many terms of the epilogue one weight can take."""
    planes: Callable[[NDArray[np.int16], int], NDArray[np.int16]] = lambda table, _: table[:, :1].T
    """planes(table, b): what the codes are worth in each term, [forms codes]."""
    level_count: Callable[[int], int] = lambda bits: 0
    """How many levels a layer's own table has at b bits."""
    level_name: str = "magnitudes"
    """What messages call these."""
    level_bits: int = 0
    """Bits that one of them is stored in."""
    level_registers: tuple[str, ...] = ()
    """The MAC's registers that hold a layer's levels."""
    level_words: Callable[[Levels], tuple[int, ...]] = lambda levels: ()
    """What these registers hold for a layer's levels."""
    levels_of_words: Callable[[Sequence[int]], Levels] = lambda words: ()
    """The levels, as many as there are at the widest b, that these registers hold."""

    @property
    def element_names(self) -> tuple[str, ...]:
        """Names of its elements, widest first."""
        return tuple(element.name for element in self.elements)

    def stored_bits(self, bits: int) -> int:
        """Return the bits that a code of `bits` bits takes in a file, in DRAM and in WGT."""
        return bits + self.region_bits

    def dtype(self, bits: int) -> str:
        """Return the type of an array of codes, right aligned."""
        return "uint8" if self.stored_bits(bits) <= 8 else "uint16"

    def built(self, elements: Collection[str]) -> int:
        """Return the parameter's value where `elements` are built in."""
        most = max((e.bits for e in self.elements if e.name in elements), default=0)
        return int(most > 0) if self.is_flag else most

    def most_bits(self, parameters: Mapping[str, int]) -> int:
        """Return the greatest b under build `parameters`; 0 where the code is not built in."""
        value = parameters.get(self.parameter.verilog, 0)
        return self.elements[0].bits * value if self.is_flag else value

    def element(self, bits: int) -> str:
        """Return the element that multiplies codes of `bits` bits: the narrowest there is."""
        return next(e.name for e in reversed(self.elements) if bits <= e.bits)

    def table(self, bits: int, levels: Levels = ()) -> NDArray[np.int16]:
        """Return what every code is worth in each region, int16 [codes REGIONS].

        Raises
        ------
        RangeError
            `levels` are not as many as the code has at `bits` bits.
        """
        return _table(self, bits, levels)

    def plane_table(self, bits: int, levels: Levels = (), forms: int = 0) -> NDArray[np.int16]:
        """Return what every code is worth in each of `forms` terms (0: the fewest), [forms codes].

        Raises
        ------
        RangeError
            `levels` are not as many as the code has at `bits` bits.
        """
        return self.planes(self.table(bits, levels), bits)[: forms or self.forms[0]]

    def decode(
        self, codes: NDArray, bits: int, levels: Levels = (), forms: int = 0
    ) -> NDArray[np.int16]:
        """Return what `codes` of any shape are worth in each of `forms` terms, [forms ...].

        Raises
        ------
        RangeError
            A code has more bits than are stored, or `levels` are of another number.
        """
        table = self.plane_table(bits, levels, forms)
        self.require(codes, bits)
        return table[:, codes]

    def has_zero(self, bits: int, levels: Levels = ()) -> bool:
        """Return whether some code of a layer is worth nothing in any region."""
        return bool((self.table(bits, levels) == 0).all(axis=1).any())

    def require(self, codes: NDArray, bits: int) -> None:
        """Raise RangeError where `codes` have more bits than are stored."""
        stored = self.stored_bits(bits)
        if codes.size and int(codes.max()) >> stored:
            raise RangeError(
                f"{self.name} codes: expected {stored} stored bits, found code {int(codes.max())}"
            )


@lru_cache(maxsize=256)
def _table(code: WeightCode, bits: int, levels: Levels) -> NDArray[np.int16]:
    import numpy as np

    count = code.level_count(bits)
    if len(levels) != count:
        raise RangeError(
            f"{code.name} {code.level_name}: expected {count} at {bits} bits, found {len(levels)}"
        )
    codes = range(1 << code.stored_bits(bits))
    table = np.array([code.worth(value, bits, levels) for value in codes], np.int16)
    table.flags.writeable = False
    return table
