"""Encoder, decoder, assembler and disassembler are one mapping."""

from __future__ import annotations

import random

import pytest

from npusim.errors import FormatError, RangeError
from npusim.isa import encoding, spec
from npusim.isa.assembly import assemble, disassemble
from npusim.isa.encoding import FIELDS, Instruction, decode, encode, instruction
from npusim.isa.instructions import FORMATS, REGISTERS
from npusim.isa.registers import CONTROL


def random_instruction(rng: random.Random) -> Instruction:
    form = rng.choice(tuple(FORMATS.values()))
    engine = rng.choice(form.engines)
    values = {}
    for field in FIELDS[form.name]:
        low, high = field.bounds
        values[field.name] = rng.choice((low, high, 0, rng.randint(low, high)))
        if engine == "FETCH" and field in spec.HEADER:
            values[field.name] = 0
    return instruction(form.name, engine, **values)


def test_decode_and_assemble_invert_encode_and_disassemble():
    rng = random.Random(4)
    program = [random_instruction(rng) for _ in range(3000)]
    data = encoding.encode_program(program)
    assert len(data) == 16 * len(program)
    assert encoding.decode_program(data) == program
    assert assemble(disassemble(program)) == program


def test_every_bit_matters_or_is_refused():
    rng = random.Random(5)
    for _ in range(200):
        item = random_instruction(rng)
        word = encode(item)
        for bit in range(128):
            try:
                changed = decode(word ^ (1 << bit))
            except FormatError:
                continue
            assert changed != item
            assert encode(changed) == word ^ (1 << bit)


def test_a_word_is_little_endian_with_the_opcode_lowest():
    data = encoding.encode_program([instruction("HALT", code=0x1234)])
    assert data == bytes([8, 0, 0x34, 0x12] + [0] * 12)


def test_fields_do_not_overlap_and_stay_inside():
    for form in tuple(FORMATS.values()):
        bits = [b for f in (*spec.HEADER, *form.fields) for b in range(f.low, f.low + f.width_bits)]
        assert len(bits) == len(set(bits)), form.name
        assert max(bits) < 128, form.name
    for registers in (*REGISTERS.values(), CONTROL):
        assert len({r.index for r in registers}) == len({r.name for r in registers})
        for register in registers:
            bits = [b for f in register.fields for b in range(f.low, f.low + f.width_bits)]
            assert len(bits) == len(set(bits)), register.name
            assert max(bits) < 32, register.name


def test_registers_are_numbered_without_gaps():
    for registers in REGISTERS.values():
        assert [r.index for r in registers] == list(range(len(registers)))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (0, "pc 7: unknown opcode 0"),
        (2 | 4 << 4, "pc 7: LD in the queue of ST"),
        (2 | 7 << 4, "pc 7: LD in the queue of 7"),
        (8 | 1 << 7, "pc 7: HALT with a token, FETCH has no neighbours"),
        (7 | 1 << 100, "pc 7: FENCE with reserved bits set, 0x10000000000000000000000000"),
    ],
)
def test_decode_names_what_is_wrong(word, message):
    with pytest.raises(FormatError) as error:
        decode(word, 7)
    assert str(error.value) == message


def test_values_must_fit():
    with pytest.raises(RangeError, match=r"LD offset: expected 0\.\.536870911, found 536870912"):
        instruction("LD", offset=1 << 29)
    with pytest.raises(FormatError, match="LD: unknown field offst"):
        instruction("LD", offst=1)
    with pytest.raises(FormatError, match="CFG: expected an engine of LD, MX, EP, ST, found None"):
        instruction("CFG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MUL a=1", "line 1: expected one of CFG, LD, ST, MAC, RQ, VEC, FENCE, HALT, found MUL"),
        ("\nLD colums=3", "line 2: LD: unknown field colums"),
        (
            "VEC op=mul",
            "line 1: op: expected one of copy, max, add, sum, lookup, table, multiply, min, found",
        ),
        ("CFG engine=LD index=mac_x", "line 1: index: expected a number, found 'mac_x'"),
        ("CFG engine=MX mac_cb.count=1", "line 1: CFG: mac_cb is not among the three from 0 on"),
        ("HALT code=1 code=2", "line 1: HALT: code is written twice"),
        ("CFG engine=MX value0=1 mac_x.count=1", "line 1: CFG: both value0 and mac_x are written"),
    ],
)
def test_assembler_names_line_and_mistake(text, message):
    with pytest.raises(FormatError) as error:
        assemble(text)
    assert str(error.value).startswith(message)


def test_tokens_go_round():
    item = instruction("LD", wait_prev=1, signal_next=1)
    assert item.awaits == ("ST",)
    assert item.signals == ("MX",)
    assert instruction("ST", signal_next=1, signal_prev=1).signals == ("EP", "LD")
