"""The parts that the instruction set is written in: bit fields, instructions, registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Field:
    """Bits low .. low + width_bits - 1 of a word."""

    name: str
    low: int
    width_bits: int
    meaning: str
    signed: bool = False
    names: tuple[str, ...] = ()
    """What each value is called in assembly, where values have names."""

    @property
    def mask(self) -> int:
        """The field's bits, all ones, right aligned."""
        return (1 << self.width_bits) - 1

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and greatest value that the field holds."""
        if self.signed:
            return -(1 << (self.width_bits - 1)), (1 << (self.width_bits - 1)) - 1
        return 0, self.mask

    def extract(self, word: int) -> int:
        """Return the field's value in `word`."""
        value = (word >> self.low) & self.mask
        sign = 1 << (self.width_bits - 1)
        return (value ^ sign) - sign if self.signed else value

    def insert(self, value: int) -> int:
        """Return `value` at the field's place; the caller has checked its bounds."""
        return (value & self.mask) << self.low


@dataclass(frozen=True)
class Format:
    """An instruction: its opcode, the engines whose queue it may stand in, its operand fields."""

    name: str
    opcode: int
    engines: tuple[str, ...]
    meaning: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Register:
    """A 32-bit configuration register (`index`) or control register (`index` = byte address)."""

    name: str
    index: int
    meaning: str
    fields: tuple[Field, ...]
    access: Literal["r", "w", "rw"] = "rw"
    """What software can do with a control register."""
    built_with: str = ""
    """The Verilog parameter without which a machine does not have it."""

    @property
    def described(self) -> str:
        """The meaning, with what software cannot do."""
        limits = {"r": "read only: ", "w": "write only: ", "rw": ""}
        return limits[self.access] + self.meaning


def level(what: str) -> tuple[Field, ...]:
    """Return the fields of a loop level's register."""
    return (
        Field("count", 0, 16, f"iterations of {what}"),
        Field("stride", 16, 16, "ACT words from one to the next", signed=True),
    )


_COUNT, _STRIDE = level("any level")
COUNT_MAX = _COUNT.mask
"""Most iterations of a loop level."""
STRIDE_MAX = _STRIDE.mask >> 1
"""Greatest step of a loop level, in words: strides are signed."""


ACC_BANKS = Field("acc_banks", 100, 4, "ACC banks read or written")
"""In every instruction that reaches ACC."""


def number(meaning: str, signed: bool = False) -> tuple[Field, ...]:
    """Return the field of a register that is one number."""
    return (Field("value", 0, 32, meaning, signed),)
