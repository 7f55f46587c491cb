"""Instructions to 128-bit words and back: one mapping, read in both directions.

The mapping is spec.HEADER and the FORMAT of each page; nothing here knows a bit position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from npusim.errors import FormatError, RangeError
from npusim.isa.fields import Field, Register
from npusim.isa.instructions import FORMATS, REGISTERS
from npusim.isa.spec import ENGINES, HEADER, INSTRUCTION_BYTES, SIDES, neighbour

_BY_OPCODE = {form.opcode: form for form in FORMATS.values()}
_SYNC = HEADER[2:]
_WAITS = {f"wait_{side}": side for side in SIDES}
_SIGNALS = {f"signal_{side}": side for side in SIDES}
FIELDS: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {name: (*_SYNC, *form.fields) for name, form in FORMATS.items()}
)
"""What an instruction carries beside opcode and engine: synchronization, then operands."""

_PLACES = {
    name: tuple((field.name, field.mask, field.low) for field in fields)
    for name, fields in FIELDS.items()
}
_USED = {
    name: sum(field.mask << field.low for field in (*HEADER[:2], *fields))
    for name, fields in FIELDS.items()
}


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, its engine, and the value of each field of FIELDS[name]."""

    name: str
    engine: str
    values: Mapping[str, int]

    def __getitem__(self, field: str) -> int:
        return self.values[field]

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self.name, self.engine, dict(self.values))

    @cached_property
    def awaits(self) -> tuple[str, ...]:
        """Engines whose token is taken before issue."""
        return _neighbours(self, _WAITS)

    @cached_property
    def signals(self) -> tuple[str, ...]:
        """Engines that are given a token at retirement."""
        return _neighbours(self, _SIGNALS)


def _remade(name: str, engine: str, values: Mapping[str, int]) -> Instruction:
    return Instruction(name, engine, MappingProxyType(values))


def _neighbours(item: Instruction, flags: Mapping[str, str]) -> tuple[str, ...]:
    # FETCH has no neighbours and may carry no token.
    return tuple(neighbour(item.engine, side) for flag, side in flags.items() if item.values[flag])


def instruction(name: str, engine: str | None = None, **values: int) -> Instruction:
    """Return an instruction; fields that are not named are 0.

    Raises
    ------
    FormatError
        No such instruction or field, or the engine does not run it.
    RangeError
        A value does not fit its field.
    """
    form = FORMATS.get(name)
    if form is None:
        raise FormatError(f"instruction: expected one of {', '.join(FORMATS)}, found {name}")
    if engine is None and len(form.engines) == 1:
        engine = form.engines[0]
    if engine not in form.engines:
        raise FormatError(
            f"{name}: expected an engine of {', '.join(form.engines)}, found {engine}"
        )
    complete = dict.fromkeys((field.name for field in FIELDS[name]), 0)
    unknown = values.keys() - complete.keys()
    if unknown:
        raise FormatError(f"{name}: unknown field {min(unknown)}; known are {', '.join(complete)}")
    complete.update(values)
    for field in FIELDS[name]:
        _check(f"{name} {field.name}", field, complete[field.name])
    if engine == "FETCH" and any(complete[field.name] for field in _SYNC):
        raise FormatError(f"{name}: expected no token, FETCH has no neighbours")
    return Instruction(name, engine, MappingProxyType(complete))


def _check(where: str, field: Field, value: int) -> None:
    low, high = field.bounds
    if not low <= value <= high:
        raise RangeError(f"{where}: expected {low}..{high}, found {value}")


def encode(item: Instruction) -> int:
    """Return the instruction as an unsigned 128-bit integer."""
    word = FORMATS[item.name].opcode | ENGINES.index(item.engine) << HEADER[1].low
    values = item.values
    for name, mask, low in _PLACES[item.name]:  # Field.insert, for many thousand instructions
        word |= (values[name] & mask) << low
    return word


def decode(word: int, pc: int = 0) -> Instruction:
    """Return the instruction that `word` encodes; `pc` begins the error messages.

    Raises
    ------
    FormatError
        Unknown opcode, an engine that does not run it, or bits that mean nothing are set.
    """
    form = _BY_OPCODE.get(HEADER[0].extract(word))
    if form is None:
        raise FormatError(f"pc {pc}: unknown opcode {HEADER[0].extract(word)}")
    place = HEADER[1].extract(word)
    engine = ENGINES[place] if place < len(ENGINES) else str(place)
    if engine not in form.engines:
        raise FormatError(f"pc {pc}: {form.name} in the queue of {engine}")
    if engine == "FETCH" and any(field.extract(word) for field in _SYNC):
        raise FormatError(f"pc {pc}: {form.name} with a token, FETCH has no neighbours")
    if word & ~_USED[form.name]:
        raise FormatError(
            f"pc {pc}: {form.name} with reserved bits set, {word & ~_USED[form.name]:#x}"
        )
    values = {field.name: field.extract(word) for field in FIELDS[form.name]}
    return Instruction(form.name, engine, MappingProxyType(values))


def encode_program(program: Iterable[Instruction]) -> bytes:
    """Return the bytes of a program, little-endian, 16 bytes an instruction."""
    return b"".join(encode(item).to_bytes(INSTRUCTION_BYTES, "little") for item in program)


def decode_program(data: bytes) -> list[Instruction]:
    """Return the instructions of `data`; raise FormatError naming the first bad one."""
    if len(data) % INSTRUCTION_BYTES:
        raise FormatError(f"program: expected a multiple of 16 bytes, found {len(data)}")
    starts = range(0, len(data), INSTRUCTION_BYTES)
    return [
        decode(int.from_bytes(data[i : i + INSTRUCTION_BYTES], "little"), i // INSTRUCTION_BYTES)
        for i in starts
    ]


_REGISTERS: Mapping[tuple[str, str], Register] = {
    (engine, register.name): register
    for engine, registers in REGISTERS.items()
    for register in registers
}


def find_register(engine: str, name: str) -> Register:
    """Return the configuration register `name` of `engine`; raise FormatError where unknown."""
    register = _REGISTERS.get((engine, name))
    if register is None:
        known = ", ".join(r.name for r in REGISTERS.get(engine, ()))
        raise FormatError(f"CFG: expected a register of {engine}, one of {known}; found {name}")
    return register


def encode_register(engine: str, name: str, **values: int) -> int:
    """Return the 32-bit value of a configuration register; fields not named are 0."""
    register = find_register(engine, name)
    known = {field.name: field for field in register.fields}
    word = 0
    for key, value in values.items():
        if key not in known:
            raise FormatError(f"{name}: unknown field {key}; known are {', '.join(known)}")
        _check(f"{name}.{key}", known[key], value)
        word |= known[key].insert(value)
    return word


def decode_registers(engine: str, words: Mapping[int, int]) -> dict[str, dict[str, int]]:
    """Return the fields of every register of `engine`; `words` by index, absent ones are 0."""
    return {
        register.name: {f.name: f.extract(words.get(register.index, 0)) for f in register.fields}
        for register in REGISTERS[engine]
    }
