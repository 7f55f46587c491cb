"""Random programs that fault: a legal one, and behind it one instruction with one mistake."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from npusim.cosim.npu.placement import addresses_of
from npusim.cosim.programs.builder import Builder
from npusim.cosim.programs.operands import operand_mistake
from npusim.cosim.programs.programs import Recipe, as_program, grow, recipe, without
from npusim.cosim.programs.single import Registers, configure_transfer, configure_work, together
from npusim.cosim.programs.undefined import undefined_read
from npusim.isa.encoding import encode_program, instruction
from npusim.isa.instructions import FORMATS
from npusim.isa.program import Program
from npusim.isa.scratchpads import bank_words, banks_of, pad_words
from npusim.isa.spec import (
    ADDRESS_SPACE,
    ENGINES,
    FAULTS,
    FETCH_BURST_INSTRUCTIONS,
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
        cause = rng.choice(FAULTS[1:])
        if cause != "opcode" or rng.random() < 0.5:  # what was dispatched before it runs on
            builder.fence()
        place = len(builder)
        engine = _MISTAKES[cause](builder, rng)
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
    b.fence()
    while len(b) % FETCH_BURST_INSTRUCTIONS:  # the two then come in one burst
        b.place(b.idle_cfg(rng.choice(QUEUED_ENGINES), rng))
    b.fence()
    _use(b, first, long, pad, bank)
    _use(b, second, rng.randint(1, min(8, long)), pad, bank)
    if rng.random() < 0.5:
        return second
    together(b, rng, (len(b) - 2, len(b) - 1))
    return max(first, second, key=QUEUED_ENGINES.index)


def _address(b: Builder, rng: random.Random) -> str:
    """Leave the banks that are claimed, or the scratchpad."""
    engine = rng.choice(QUEUED_ENGINES)
    words, banks = bank_words(b.machine, "ACT"), banks_of(b.machine, "ACT")
    if engine in ("LD", "ST"):
        low, mask = rng.choice((
            (words * banks - 1, (1 << banks) - 1), (words - 1, 1), (words, 1),
            (0xFFFF, (1 << banks) - 1), (0, 0),
        ))  # fmt: skip
        fields, strides = {"columns": 3, "rows": 1, "blocks": 1}, {}
        if rng.random() < 0.4:  # from a good address on, more than the banks hold
            low, mask, count = 0, 1, rng.choice(("columns", "columns", "rows", "blocks"))
            fields[count] += max(words, 1 << rng.randrange(12))
            if count != "columns":
                strides = {"act_stride": {count.removesuffix("s"): 1}}
        configure_transfer(b, rng, engine, strides=strides)
        fields["region"] = 0 if engine == "LD" else 2
        b.place(instruction(engine, None, address=low, banks=mask, **fields))
        return engine
    sums = bank_words(b.machine, "ACC")
    good: dict[str, dict[str, int]] = {
        "MAC": {"read_banks": 1, "wgt_banks": 1, "acc_banks": 1},
        "RQ": {"par_banks": 1, "write_banks": 2, "out": words, "acc_banks": 1},
        "VEC": {"read_banks": 1, "write_banks": 2, "out": words},
    }
    near: list[tuple[str, dict[str, int]]] = [
        ("MAC", {"act": words}), ("MAC", {"read_banks": 0}), ("MAC", {"wgt_banks": 2}),
        ("MAC", {"wgt": 0xFFFF}), ("MAC", {"wgt_banks": 0}), ("MAC", {"act": words - 1}),
        ("MAC", {"acc_banks": 0}), ("MAC", {"acc": sums - 1}), ("MAC", {"acc_banks": 2}),
        ("RQ", {"acc_banks": 0}), ("RQ", {"acc": sums - 1}), ("RQ", {"acc": sums}),
        ("RQ", {"par": bank_words(b.machine, "PAR") - 1}), ("RQ", {"out": 0}),
        ("RQ", {"write_banks": 0}), ("RQ", {"act_terms": 1}), ("RQ", {"par_banks": 0}),
        ("VEC", {"act": 0xFFFF}), ("VEC", {"out": words - 1}), ("VEC", {"read_banks": 0}),
    ]  # fmt: skip
    if pad_words(b.machine, "ACC") < ADDRESS_SPACE:
        near += [("RQ", {"acc": 0xFFFF})]
    near = [found for found in near if FORMATS[found[0]].engines == (engine,)]
    registers: Registers = {
        "mac_x": {"count": 2, "stride": 1}, "vec_x": {"count": 2, "stride": 1},
        "vec_x_out": {"out": 1, "acc": 1},
    }  # fmt: skip
    far = [found for found in _far(b, rng) if FORMATS[found[0]].engines == (engine,)]
    name, wrong, changes = (
        rng.choice(far) if far and rng.random() < 0.5 else (*rng.choice(near), {})
    )
    configure_work(b, rng, engine, **registers, **changes)
    b.place(instruction(name, None, **{**good[name], **wrong}))
    return engine


def _far(b: Builder, rng: random.Random) -> list[tuple[str, dict[str, int], Registers]]:
    """Return (instruction of MX or EP, its fields, registers): one address bit beyond a scratchpad.

    The first access is there, or in the nest the second of a level, or the second block's sums.
    """
    places = (
        ("MAC", "act", "ACT"), ("MAC", "wgt", "WGT"), ("MAC", "acc", "ACC"), ("RQ", "acc", "ACC"),
        ("RQ", "out", "ACT"), ("RQ", "par", "PAR"), ("VEC", "act", "ACT"), ("VEC", "out", "ACT"),
    )  # fmt: skip
    levels = {
        ("MAC", "act"): ("mac_ob", "mac_cb", "mac_kh", "mac_kw", "mac_y"),
        ("VEC", "act"): ("vec_b", "vec_y", "vec_ky", "vec_kx"),
    }
    found: list[tuple[str, dict[str, int], Registers]] = []
    for name, field, pad in places:
        total = pad_words(b.machine, pad)
        if total == ADDRESS_SPACE:
            continue
        bit = 1 << rng.randrange((total - 1).bit_length(), 16)
        stride = bit if bit < 1 << 15 else -bit
        found.append((name, {field: bit | rng.randrange(4)}, {}))
        for level in levels.get((name, field), ()):
            found.append((name, {}, {level: {"count": 2, "stride": stride}}))
        if (name, field) == ("MAC", "acc"):
            blocks = {"mac_ob": {"count": 2}, "mac_output": {"acc_stride": stride}}
            found.append((name, {}, blocks))
    return found


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


_MISTAKES: Mapping[str, Callable[[Builder, random.Random], str]] = {
    "opcode": _opcode, "operand": operand_mistake, "bank": _bank, "address": _address, "axi": _axi,
    "token": _token,
}  # fmt: skip
