"""A program as columns: every field and every register an instruction sees, all at once.

Names and bit positions are those of the pages. Nothing here loops over instructions, so that a
program of many thousands is decoded in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from npusim.errors import FormatError
from npusim.isa.encoding import FIELDS, Instruction, decode_registers
from npusim.isa.fields import Field, Register
from npusim.isa.instructions import FORMATS, PAGES
from npusim.isa.nest import Column, Mask
from npusim.isa.page import Group, Registers
from npusim.isa.spec import ENGINES, HEADER, INSTRUCTION_BYTES, QUEUED_ENGINES

OPCODE, ENGINE = HEADER[:2]
ILLEGAL, UNREADABLE = 0, -1


@dataclass
class RegisterFile:
    """The configuration registers of all engines as CFG instructions leave them."""

    words: dict[str, dict[int, int]] = field(
        default_factory=lambda: {engine: {} for engine in QUEUED_ENGINES}
    )
    _decoded: dict[str, Registers] = field(default_factory=dict)

    def configure(self, item: Instruction) -> None:
        """Carry out a CFG."""
        for slot in range(3):
            self.words[item.engine][item["index"] + slot] = item[f"value{slot}"]
        self._decoded.pop(item.engine, None)

    def of(self, engine: str) -> Registers:
        """Return the fields of each register of `engine`."""
        if engine not in self._decoded:
            self._decoded[engine] = decode_registers(engine, self.words[engine])
        return self._decoded[engine]


def group_of(item: Instruction, registers: Registers) -> Group:
    """Return the group of one instruction, which sees `registers` (of its engine)."""
    seen = (register.name for register in PAGES[item.name].REGISTERS)
    return Group(
        np.zeros(1, np.int64),
        {name: np.array([value], np.int64) for name, value in item.values.items()},
        {
            name: {key: np.array([value], np.int64) for key, value in registers[name].items()}
            for name in seen
        },
    )


@dataclass(frozen=True)
class Columns:
    """A program's instructions; `words` int64 [instructions 4] are its 32-bit words."""

    words: Column
    engine: Column
    """Place in ENGINES, as the header says."""
    opcode: Column
    """ILLEGAL: unknown, or in the queue of an engine that does not run it; or UNREADABLE."""
    groups: Mapping[str, Group]

    @property
    def count(self) -> int:
        """Instructions of the program."""
        return len(self.words)

    def header(self, name: str) -> Column:
        """Return a field of the header of every instruction."""
        return extract(self.words, next(field for field in HEADER if field.name == name))


def extract(words: Column, field: Field) -> Column:
    """Return `field` of 128-bit instructions, or of 32-bit words where `words` is [N 1]."""
    place, low = field.low // 32, field.low % 32
    value = words[:, place] >> low
    if low + field.width_bits > 32:
        value = value | words[:, place + 1] << (32 - low)
    value = value & field.mask
    sign = 1 << (field.width_bits - 1)
    return (value ^ sign) - sign if field.signed else value


def columns_of(code: bytes, unreadable: Mask | None = None) -> Columns:
    """Return the instructions of a program's bytes; `unreadable`: which lie beyond the memory.

    Bits without a meaning are ignored, as the hardware does (the assembler refuses them). What
    follows a HALT is another run, whose start clears the registers.

    Raises
    ------
    FormatError
        `code` is empty or no multiple of 16 bytes.
    """
    if not code or len(code) % INSTRUCTION_BYTES:
        raise FormatError(f"program: expected a multiple of 16 bytes, found {len(code)}")
    words = np.frombuffer(code, "<u4").reshape(-1, 4).astype(np.int64)
    engine, opcode = extract(words, ENGINE), extract(words, OPCODE)
    legal = np.zeros((1 << OPCODE.width_bits, 1 << ENGINE.width_bits), np.bool_)
    for form in FORMATS.values():
        for name in form.engines:
            legal[form.opcode, ENGINES.index(name)] = True
    opcode = np.where(legal[opcode, engine], opcode, ILLEGAL)
    if unreadable is not None:
        opcode[unreadable] = UNREADABLE
    groups = {}
    configure = np.flatnonzero(opcode == FORMATS["CFG"].opcode)
    halts = np.flatnonzero(opcode == FORMATS["HALT"].opcode)
    for name, form in FORMATS.items():
        pcs = np.flatnonzero(opcode == form.opcode)
        values = {field.name: extract(words[pcs], field) for field in FIELDS[name]}
        place = ENGINES.index(form.engines[0])
        own = configure[engine[configure] == place]
        registers = _seen(PAGES[name].REGISTERS, words, own, halts, pcs)
        groups[name] = Group(pcs, values, registers)
    return Columns(words, engine, opcode, groups)


def _seen(
    registers: Iterable[Register], words: Column, configure: Column, halts: Column, pcs: Column
) -> dict[str, dict[str, Column]]:
    """Return registers before each of `pcs`.

    `configure` are the pcs of their engine's CFGs, `halts` those after which a run starts.
    """
    fields = {field.name: field for field in FIELDS["CFG"]}
    index = extract(words[configure], fields["index"])
    values = [extract(words[configure], fields[f"value{slot}"]) for slot in range(3)]
    before = np.searchsorted(configure, pcs)
    earlier_runs = np.concatenate(([0], np.searchsorted(configure, halts)))
    of_earlier_runs = earlier_runs[np.searchsorted(halts, pcs)]
    result = {}
    for register in registers:
        slot = register.index - index
        writes = (slot >= 0) & (slot < 3)
        last = np.maximum.accumulate(np.where(writes, np.arange(len(configure)), -1))
        last = np.concatenate(([-1], last))[before]
        word = np.zeros(len(pcs), np.int64)
        known = last >= of_earlier_runs
        if known.any():
            chosen = np.select([slot == s for s in range(3)], values)
            word[known] = chosen[last[known]]
        result[register.name] = {f.name: extract(word[:, None], f) for f in register.fields}
    return result
