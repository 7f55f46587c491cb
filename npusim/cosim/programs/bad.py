"""Random programs that fault: a legal one, and behind it one instruction with one mistake."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from npusim.cosim.npu.placement import addresses_of
from npusim.cosim.programs.beyond import address_mistake
from npusim.cosim.programs.builder import Builder
from npusim.cosim.programs.operands import operand_mistake
from npusim.cosim.programs.programs import Recipe, as_program, grow, recipe, without
from npusim.cosim.programs.single import (
    configure_transfer,
    configure_work,
    start_a_burst,
    together,
)
from npusim.cosim.programs.undefined import undefined_read
from npusim.isa.encoding import encode_program, instruction
from npusim.isa.instructions import FORMATS
from npusim.isa.program import Program
from npusim.isa.scratchpads import bank_words, banks_of
from npusim.isa.spec import (
    ENGINES,
    HEADER,
    INSTRUCTION_BYTES,
    QUEUED_ENGINES,
    SIDES,
    TARGETS,
    TOKEN_MAX,
    VEC_OPS,
)
from npusim.machines import Machine
from npusim.simulator.timing.timeline import time_code

OFFSET_BITS = next(f.width_bits for f in FORMATS["LD"].fields if f.name == "offset")


@dataclass(frozen=True)
class BadProgram:
    """A program that must fault with `cause` in `engine`; `code` are its bytes.

    `program` holds the same instructions where they can be written down: an illegal opcode is there
    in `code` alone.
    """

    program: Program
    code: bytes
    engine: str
    cause: str


@dataclass(frozen=True)
class BadRecipe:
    """What a bad program is made from: a legal one, and the generator of the mistake behind it."""

    legal: Recipe
    generator: tuple[Any, ...]
    """State of a random.Random."""

    def build(self) -> BadProgram:
        """Return the program; the same recipe gives the same bytes.

        A mistake that lets an instruction retire which reads what nobody wrote is drawn again.
        """
        rng = random.Random()
        rng.setstate(self.generator)
        while True:
            bad = self.draw(rng)
            addresses, code_address = addresses_of(bad.program)
            timeline = time_code(
                bad.code, bad.program.machine, addresses, code_address=code_address
            )
            if not undefined_read(timeline):
                return bad

    def draw(self, rng: random.Random) -> BadProgram:
        """Return the program with one mistake that `rng` draws."""
        machine = self.legal.machine
        builder, dram = grow(self.legal)
        (cause,) = rng.choices(tuple(_MISTAKES), [share for _, share in _MISTAKES.values()])
        if cause != "opcode" or rng.random() < 0.5:  # what was dispatched before it runs on
            builder.fence()
        place = len(builder)
        engine = _MISTAKES[cause][0](builder, rng)
        for _ in range(rng.randint(0, 12)):
            builder.append(builder.idle_cfg(rng.choice(QUEUED_ENGINES), rng), rng)
        ends = not (cause == "opcode" and engine == "")  # running past the end is a mistake too
        if ends:
            builder.place(instruction("HALT"))
        program = as_program("bad", machine, builder.program, dram.images())
        code = bytearray(encode_program(program.instructions))
        if cause == "opcode" and ends:
            _spoil_opcode(code, place, engine, rng)
        return BadProgram(program, bytes(code), engine if cause != "opcode" else "FETCH", cause)


def bad_recipe(rng: random.Random, machine: Machine, size: int = 4) -> BadRecipe:
    """Return the recipe of `size` legal snippets, one mistake, and a little more."""
    legal = recipe(rng, machine, size)
    return BadRecipe(legal, rng.getstate())


def bad_program(rng: random.Random, machine: Machine, size: int = 4) -> BadProgram:
    """Return a program of `size` legal snippets, one mistake, and a little more."""
    return bad_recipe(rng, machine, size).build()


def shrink_bad(of: BadRecipe, fails: Callable[[BadProgram], bool]) -> BadProgram:
    """Return a program with few snippets before its mistake for which `fails` still holds."""

    def fewer(seeds: Sequence[int]) -> BadProgram:
        return replace(of, legal=replace(of.legal, snippet_seeds=tuple(seeds))).build()

    return fewer(without(of.legal.snippet_seeds, lambda left: fails(fewer(left))))


def _opcode(b: Builder, rng: random.Random) -> str:
    """Place what becomes illegal, and return its engine; or nothing, and HALT is left out."""
    if rng.random() < 0.25:
        return ""
    engine = rng.choice(QUEUED_ENGINES)
    b.place(b.idle_cfg(engine, rng))
    return engine


def _spoil_opcode(code: bytearray, pc: int, engine: str, rng: random.Random) -> None:
    """Give the instruction at `pc` an opcode that its engine does not run."""
    legal = {form.opcode for form in FORMATS.values() if engine in form.engines}
    opcode = rng.choice([o for o in range(1 << HEADER[0].width_bits) if o not in legal])
    header = opcode | ENGINES.index(engine) << HEADER[1].low
    code[pc * INSTRUCTION_BYTES] = header | rng.getrandbits(1) << 7


def _long(b: Builder, rng: random.Random, engine: str, words: int) -> None:
    """Configure `engine` so that `_use` runs long."""
    if engine in ("MX", "EP"):
        configure_work(b, rng, engine, vec_x={"count": words}, mac_x={"count": words})
    else:
        configure_transfer(b, rng, engine)


def _use(b: Builder, engine: str, words: int, pad: str, bank: int) -> None:
    """Place an instruction of `engine` that uses bank `bank` of `pad`, which it can reach."""
    first, mask = bank * bank_words(b.machine, pad), 1 << bank
    if engine in ("LD", "ST"):
        fields = {"columns": words, "rows": 1, "blocks": 1, "address": first, "banks": mask}
        target = {"target": TARGETS.index(pad)} if engine == "LD" else {"region": 2}
        b.place(instruction(engine, None, **fields, **target))
    elif engine == "MX":
        claims = {"read_banks": 1, "wgt_banks": 1, "acc_banks": 1}
        address, banks = {
            "ACT": ("act", "read_banks"), "WGT": ("wgt", "wgt_banks"), "ACC": ("acc", "acc_banks"),
        }[pad]  # fmt: skip
        b.place(instruction("MAC", None, **{**claims, address: first, banks: mask}))
    elif pad == "ACT":
        b.place(instruction("VEC", act=first, read_banks=mask, op=VEC_OPS.index("table")))
    elif pad == "ACC":
        fields = {"read_banks": 1, "acc": first, "acc_banks": mask}
        b.place(instruction("VEC", None, op=VEC_OPS.index("sum"), **fields))
    else:
        b.place(instruction("RQ", act_terms=1, read_banks=1, write_banks=2, par=first,
                            par_banks=mask, out=bank_words(b.machine, "ACT")))  # fmt: skip


_REACHED = {
    "LD": {*TARGETS}, "MX": {"ACT", "WGT", "ACC"}, "EP": {"ACT", "PAR", "ACC"}, "ST": {"ACT"},
}  # fmt: skip
"""The scratchpads that each engine's instructions name."""


def _bank(b: Builder, rng: random.Random) -> str:
    """Two engines on one bank, in one cycle or while the first runs longer than dispatch takes."""
    first, second = rng.sample(QUEUED_ENGINES, 2)
    pad = rng.choice(("ACT", *sorted(_REACHED[first] & _REACHED[second])))
    bank = rng.randrange(banks_of(b.machine, pad))
    long = min(bank_words(b.machine, pad), 64)
    _long(b, rng, first, long)
    _long(b, rng, second, rng.randint(1, 4))
    start_a_burst(b, rng)
    _use(b, first, long, pad, bank)
    _use(b, second, rng.randint(1, min(8, long)), pad, bank)
    if rng.random() < 0.5:
        return second
    together(b, rng, (len(b) - 2, len(b) - 1))
    return max(first, second, key=QUEUED_ENGINES.index)


def _axi(b: Builder, rng: random.Random) -> str:
    """Read or write beyond the memory: from the first beat on, or in a second row or block."""
    engine = rng.choice(("LD", "ST"))
    low = (b.machine.memory.size_bytes // b.machine.bus.bus_bytes).bit_length() - 1
    high = 32 - b.machine.bus.bus_bytes.bit_length()  # beyond it the address wraps
    fields = {"banks": 1, "columns": rng.randint(1, 8), "rows": 1, "blocks": 1}
    far, strides = rng.choice(("", "", "row", "block")), {}
    if far:
        strides = {f"{far}_stride": {"value": 1 << rng.randint(low, high)}}
        fields[f"{far}s"] = 2
    else:
        bit = rng.randint(low, min(high, OFFSET_BITS - 1))
        fields["offset"] = (1 << bit) + rng.randrange(4096)
    configure_transfer(b, rng, engine, strides=strides)
    b.place(instruction(engine, None, **fields))
    return engine


def _token(b: Builder, rng: random.Random) -> str:
    """Give one token more than fit."""
    engine, signal = rng.choice(QUEUED_ENGINES), f"signal_{rng.choice([*SIDES])}"
    for _ in range(TOKEN_MAX + 1):
        b.append_with(b.idle_cfg(engine, rng), signal)
    return engine


_MISTAKES: Mapping[str, tuple[Callable[[Builder, random.Random], str], int]] = {
    "opcode": (_opcode, 1), "operand": (operand_mistake, 3), "bank": (_bank, 2),
    "address": (address_mistake, 4), "axi": (_axi, 2), "token": (_token, 1),
}  # fmt: skip
"""For each cause what makes it, and how often: those of many kinds more often."""
