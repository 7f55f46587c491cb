"""Text to instructions and back: one instruction a line, `NAME field=value ...`.

    ; a comment
    CFG engine=LD index=row_stride row_stride.value=64 act_stride.row=32
    LD signal_next=1 target=ACT region=1 address=0 banks=0x1 columns=32 rows=8 blocks=1
    HALT code=0

Fields that are not written are 0. A CFG writes the three registers from `index` on; their fields
are written `register.field=value` (the registers' names and fields: docs/isa.md) and `value0=`
writes a whole word. Values are decimal, 0x hexadecimal, or a name where the field has names.
"""

from __future__ import annotations

from collections.abc import Iterable

from npusim.errors import FormatError, NpuError
from npusim.isa.encoding import (
    FIELDS,
    Instruction,
    encode_register,
    find_register,
    instruction,
)
from npusim.isa.fields import Field
from npusim.isa.instructions import FORMATS, REGISTERS

_HEXADECIMAL = (
    "banks", "read_banks", "write_banks", "wgt_banks", "par_banks", "acc_banks", "act_terms",
)  # fmt: skip


def assemble(text: str) -> list[Instruction]:
    """Return the program written in `text`.

    Raises
    ------
    FormatError
        Naming the line, what is expected and what stands there.
    """
    program = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split(";", 1)[0].split()
        if words:
            try:
                program.append(_assemble_line(words))
            except NpuError as error:
                raise FormatError(f"line {number}: {error}") from None
    return program


def _assemble_line(words: list[str]) -> Instruction:
    name = words[0]
    if name not in FORMATS:
        raise FormatError(f"expected one of {', '.join(FORMATS)}, found {name}")
    texts: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            raise FormatError(f"{name}: expected field=value, found {word}")
        if key in texts:
            raise FormatError(f"{name}: {key} is written twice")
        texts[key] = value
    engine = texts.pop("engine", None)
    if name == "CFG":
        return _assemble_cfg(engine, texts)
    known = {field.name: field for field in FIELDS[name]}
    values = {}
    for key, value in texts.items():
        if key not in known:
            raise FormatError(f"{name}: unknown field {key}; known are {', '.join(known)}")
        values[key] = _number(known[key], value)
    return instruction(name, engine, **values)


def _assemble_cfg(engine: str | None, texts: dict[str, str]) -> Instruction:
    if engine not in REGISTERS:
        raise FormatError(f"CFG: expected engine= one of {', '.join(REGISTERS)}, found {engine}")
    known = {field.name: field for field in FIELDS["CFG"]}
    text = texts.pop("index", "0")
    named = {register.name: register.index for register in REGISTERS[engine]}
    index = named[text] if text in named else _number(known["index"], text)
    values = {"index": index}
    fields: dict[str, dict[str, int]] = {}
    for key, value in texts.items():
        register_name, dot, field_name = key.partition(".")
        if not dot:
            if key not in known:
                raise FormatError(f"CFG: expected register.field, found {key}")
            values[key] = _number(known[key], value)
            continue
        register = find_register(engine, register_name)
        if not index <= register.index <= index + 2:
            raise FormatError(f"CFG: {register_name} is not among the three from {text} on")
        field = {f.name: f for f in register.fields}.get(field_name)
        if field is None:
            raise FormatError(f"CFG: register {register_name} has no field {field_name}")
        fields.setdefault(register_name, {})[field_name] = _number(field, value)
    for register_name, register_fields in fields.items():
        slot = f"value{find_register(engine, register_name).index - index}"
        if slot in values:
            raise FormatError(f"CFG: both {slot} and {register_name} are written")
        values[slot] = encode_register(engine, register_name, **register_fields)
    return instruction("CFG", engine, **values)


def _number(field: Field, text: str) -> int:
    if text in field.names:
        return field.names.index(text)
    try:
        return int(text, 0)
    except ValueError:
        expected = f"one of {', '.join(field.names)}" if field.names else "a number"
        raise FormatError(f"{field.name}: expected {expected}, found {text!r}") from None


def disassemble(program: Iterable[Instruction]) -> str:
    """Return text that `assemble` turns back into exactly `program`."""
    return "".join(line(item) + "\n" for item in program)


def line(item: Instruction) -> str:
    """Return one instruction as a line of assembly: the fields that are not 0."""
    words = [item.name]
    if item.name == "CFG":
        words.append(f"engine={item.engine}")
    for field in FIELDS[item.name]:
        value = item[field.name]
        if item.name == "CFG" and field.name in ("index", "value0", "value1", "value2"):
            continue
        if value:
            words.append(f"{field.name}={_shown(field, value)}")
    if item.name == "CFG":
        words += _cfg_words(item)
    return " ".join(words)


def _cfg_words(item: Instruction) -> list[str]:
    registers = {register.index: register for register in REGISTERS[item.engine]}
    first = registers.get(item["index"])
    words = [f"index={first.name if first else item['index']}"]
    for slot in range(3):
        value = item[f"value{slot}"]
        register = registers.get(item["index"] + slot)
        used = sum(f.mask << f.low for f in register.fields) if register else 0
        if register is None or value & ~used:
            words += [f"value{slot}={value:#x}"] if value else []
            continue
        for field in register.fields:
            if field.extract(value):
                words.append(f"{register.name}.{field.name}={_shown(field, field.extract(value))}")
    return words


def _shown(field: Field, value: int) -> str:
    if 0 <= value < len(field.names):
        return field.names[value]
    return f"{value:#x}" if field.name in _HEXADECIMAL else str(value)
