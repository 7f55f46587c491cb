"""Random programs that fault: a legal one, and behind a FENCE one instruction with one mistake."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from npusim.cosim.random_builder import Builder
from npusim.cosim.random_programs import Recipe, as_program, grow, recipe, without
from npusim.isa.encoding import FORMATS, Instruction, encode_program, instruction
from npusim.isa.legal import bank_words, banks_of, format_bits_max
from npusim.isa.program import Program
from npusim.isa.spec import (
    ENGINES,
    FAULTS,
    FETCH_BURST_INSTRUCTIONS,
    HEADER,
    INSTRUCTION_BYTES,
    QUEUED_ENGINES,
    ROUNDINGS,
    TARGETS,
    TERMS_MAX,
    TOKEN_MAX,
    VEC_OPS,
    WEIGHT_FORMATS,
)
from npusim.machines import Machine

Registers = dict[str, dict[str, int]]
ONE: Registers = {
    **{f"mac_{n}": {"count": 1, "stride": 0} for n in ("ob", "cb", "kh", "kw", "y", "x")},
    **{f"vec_{n}": {"count": 1, "stride": 0} for n in ("b", "y", "x", "ky", "kx")},
    "rq_mode": {"rounding": 1},
}
"""Registers of EX under which an instruction touches one word."""


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
        """Return the program; the same recipe gives the same bytes."""
        rng, machine = random.Random(), self.legal.machine
        rng.setstate(self.generator)
        builder, dram = grow(self.legal)
        builder.fence()
        cause = rng.choice(FAULTS[1:])
        engine = _MISTAKES[cause](builder, rng)
        for _ in range(rng.randint(0, 12)):
            builder.append(builder.idle_cfg(rng.choice(QUEUED_ENGINES), rng), rng)
        ends = not (cause == "opcode" and engine == "")  # running past the end is a mistake too
        if ends:
            builder.place(instruction("HALT"))
        program = as_program("bad", machine, builder.program, dram.images())
        code = bytearray(encode_program(program.instructions))
        if cause == "opcode" and ends:
            _spoil_opcode(code, engine, builder, rng)
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


def _spoil_opcode(code: bytearray, engine: str, b: Builder, rng: random.Random) -> None:
    """Give the instruction behind the last FENCE an opcode that its engine does not run."""
    pc = max(i for i, item in enumerate(b.program) if item.name == "FENCE") + 1
    legal = {form.opcode for form in FORMATS.values() if engine in form.engines}
    opcode = rng.choice([o for o in range(1 << HEADER[0].width_bits) if o not in legal])
    place = ENGINES.index(engine) << HEADER[1].low
    code[pc * INSTRUCTION_BYTES] = opcode | place | rng.getrandbits(2) << 6


def _transfer(
    b: Builder, rng: random.Random, engine: str, beats: int = 1, strides: Registers | None = None
) -> None:
    """Configure LD or ST for elements of `beats` without padding; no strides but `strides`."""
    values: Registers = {"element": {"beats": beats}, "act_stride": {}, "row_stride": {}}
    values |= {"block_stride": {}} | ({"pads": {}} if engine == "LD" else {}) | (strides or {})
    b.configure(engine, values, rng)


def _ex(b: Builder, rng: random.Random, **changes: Mapping[str, int]) -> None:
    """Configure EX as in ONE, with `changes` (register = fields)."""
    tile = {
        "mac_tile": {"rows": 1, "row_end": 1},
        "mac_output": {"step": 1},
        "mac_format": {"bits": 2, "format": _format(b.machine)},
    }
    merged = {**ONE, **tile}
    for register, fields in changes.items():
        merged[register] = {**merged.get(register, {}), **fields}
    b.configure("EX", merged, rng)


def _format(machine: Machine) -> int:
    return 0 if machine.uniform_bits else 1 if machine.has_subset else 2


def _operand(b: Builder, rng: random.Random) -> str:
    mistakes = {"LD": _operand_load, "EX": _operand_ex, "ST": _operand_store}
    engines = rng.sample(QUEUED_ENGINES, rng.choice((1, 1, 1, 2)))
    items = [mistakes[engine](b, rng) for engine in engines]
    long = _long_ex(b, rng) if engines in (["LD"], ["ST"]) else None
    b.fence()
    if long is not None:
        b.place(long)
    for item in items:
        b.place(item)
    if len(items) > 1:
        _together(b, rng, (len(b) - 2, len(b) - 1))
    return min(engines, key=QUEUED_ENGINES.index)


def _long_ex(b: Builder, rng: random.Random) -> Instruction:
    """Configure EX for many iterations in one level, and return an instruction that goes there.

    What it takes must not be called bad, however long it is; the other engine's fault ends it.
    """
    name = rng.choice(("MAC", "VEC"))
    count = 1 << rng.randrange(12, 16)  # it must not retire: what it reads was never written
    if name == "MAC":
        level = rng.choice(("ob", "cb", "kh", "kw", "y", "x"))
        _ex(b, rng, **{f"mac_{level}": {"count": count}})
        return instruction(name, read_banks=1, wgt_banks=1)
    _ex(b, rng, **{f"vec_{rng.choice(('b', 'y', 'x', 'ky', 'kx'))}": {"count": count}})
    out = bank_words(b.machine, "ACT")
    return instruction(name, op=VEC_OPS.index("max"), out=out, read_banks=1, write_banks=2)


def _together(b: Builder, rng: random.Random, places: Sequence[int]) -> None:
    """Let the instructions of two engines at `places` await one CFG of the third engine.

    Both are then tried in the cycle after that CFG's retirement.
    """
    engines = [b.program[place].engine for place in places]
    giver = next(engine for engine in QUEUED_ENGINES if engine not in engines)
    for place in places:
        item = b.program[place]
        is_next = QUEUED_ENGINES[(QUEUED_ENGINES.index(giver) + 1) % 3] == item.engine
        wait = "wait_prev" if is_next else "wait_next"
        b.program[place] = instruction(item.name, item.engine, **{**item.values, wait: 1})
    both = {**b.idle_cfg(giver, rng).values, "signal_prev": 1, "signal_next": 1}
    b.place(instruction("CFG", giver, **both))


def _beyond(b: Builder, rng: random.Random, pad: str, width: int = 8) -> int:
    """Return a mask with a bank that the machine does not have; 0 where the field has none."""
    banks = banks_of(b.machine, pad)
    return 1 << rng.randrange(banks, width) if banks < width else 0


def _operand_load(b: Builder, rng: random.Random) -> Instruction:
    good: dict[str, int] = {"columns": 1, "rows": 1, "blocks": 1, "banks": 1}
    beats, kind = 1, rng.randrange(6)
    if kind < 3:
        good[("columns", "rows", "blocks")[kind]] = 0
    elif kind == 3:
        good["target"] = 3
    elif kind == 4:
        beats = _bad_beats(b, rng)
    else:
        masks = {pad: _beyond(b, rng, pad) for pad in TARGETS}
        pad = rng.choice([pad for pad in TARGETS if masks[pad]])
        good |= {"target": TARGETS.index(pad), "banks": masks[pad]}
    _transfer(b, rng, "LD", beats)
    return instruction("LD", None, **good)


def _bad_beats(b: Builder, rng: random.Random) -> int:
    """Return beats of an element that are none, or more than a word has."""
    most = b.machine.word_beats
    return rng.choice((0, most + 1, 1 << rng.randrange(most.bit_length(), 8), 255))


def _operand_store(b: Builder, rng: random.Random) -> Instruction:
    good: dict[str, int] = {"columns": 1, "rows": 1, "blocks": 1, "banks": 1}
    beats, kind, beyond = 1, rng.randrange(5), _beyond(b, rng, "ACT")
    if kind < 3:
        good[("columns", "rows", "blocks")[kind]] = 0
    elif kind == 3 and beyond:
        good["banks"] |= beyond
    else:
        beats = _bad_beats(b, rng)
    _transfer(b, rng, "ST", beats)
    return instruction("ST", None, **good)


def _operand_ex(b: Builder, rng: random.Random) -> Instruction:
    size = b.machine.size
    vec_add = {"op": VEC_OPS.index("add")}
    common = 1 << rng.randrange(banks_of(b.machine, "ACT"))
    wrong: list[tuple[str, Registers, dict[str, int]]] = [
        *(("MAC", {f"mac_{n}": {"count": 0}}, {}) for n in ("ob", "cb", "kh", "kw", "y", "x")),
        ("MAC", {"mac_format": {"format": 3}}, {}),
        ("MAC", {"mac_format": {"bits": rng.choice((0, 1, 9, 15))}}, {}),
        *(
            ("MAC", {"mac_format": {"format": form, "bits": rng.randint(most + 1, 15)}}, {})
            for form in range(len(WEIGHT_FORMATS))
            for most in (format_bits_max(b.machine, form),)
        ),
        ("MAC", {"mac_tile": {"rows": rng.choice((0, size + 1, 2 * size, 255))}}, {}),
        ("MAC", {"mac_output": {"step": 0}}, {"depthwise": 1}),
        ("MAC", {}, {"wgt_banks": _beyond(b, rng, "WGT", 4)}),
        *((name, {}, {"read_banks": _beyond(b, rng, "ACT")}) for name in ("MAC", "RQ", "VEC")),
        *((name, {}, {"write_banks": _beyond(b, rng, "ACT")}) for name in ("RQ", "VEC")),
        *(("RQ", {f"vec_{n}": {"count": 0}}, {}) for n in ("b", "y", "x", "kx")),
        ("RQ", {"vec_kx": {"count": rng.choice((TERMS_MAX + 1, 1 << rng.randrange(3, 16)))}}, {}),
        ("RQ", {"rq_mode": {"rounding": rng.choice((len(ROUNDINGS), 7))}}, {}),
        ("RQ", {}, {"read_banks": 3, "write_banks": 2}),
        *(
            (name, {}, dict.fromkeys(("read_banks", "write_banks"), common))
            for name in ("RQ", "VEC")
        ),
        ("RQ", {}, {"par_banks": _beyond(b, rng, "PAR", 4)}),
        *(("VEC", {f"vec_{n}": {"count": 0}}, {}) for n in ("b", "y", "x", "ky", "kx")),
        ("VEC", {}, {"op": rng.choice((6, 7))}),
        ("VEC", {"vec_kx": {"count": rng.choice((1, 3, 1 << rng.randrange(2, 16)))}}, vec_add),
        ("VEC", {"vec_kx": {"count": 2}, "vec_ky": {"count": rng.choice((2, 3))}}, vec_add),
        ("VEC", {"vec_ky": {"count": 1 | 2 << rng.randrange(15)}}, vec_add),
        ("VEC", {}, {"read_banks": 1, "write_banks": 1}),
    ]
    if not b.machine.array.pwlq_bits:
        wrong.append(("RQ", {}, {"pwlq": 1}))
    wrong = [w for w in wrong if all(w[2].values())]  # there may be no bank that is not there
    name, registers, fields = rng.choice(wrong)
    _ex(b, rng, **registers)
    return instruction(name, None, **fields)


def _long(b: Builder, rng: random.Random, engine: str, words: int) -> None:
    """Configure `engine` so that `_use` runs long."""
    if engine == "EX":
        _ex(b, rng, vec_x={"count": words}, mac_x={"count": words})
    else:
        _transfer(b, rng, engine)


def _use(b: Builder, engine: str, words: int, pad: str, bank: int) -> None:
    """Place an instruction of `engine` that uses bank `bank` of `pad`."""
    first, mask = bank * bank_words(b.machine, pad), 1 << bank
    if engine != "EX":
        fields = {"columns": words, "rows": 1, "blocks": 1, "address": first, "banks": mask}
        target = {"target": TARGETS.index(pad)} if engine == "LD" else {"region": 2}
        b.place(instruction(engine, None, **fields, **target))
    elif pad == "ACT":
        b.place(instruction("VEC", act=first, read_banks=mask, op=VEC_OPS.index("table")))
    elif pad == "WGT":
        b.place(instruction("MAC", read_banks=1, wgt=first, wgt_banks=mask))
    else:
        b.place(instruction("RQ", write_banks=1, par=first, par_banks=mask))


def _bank(b: Builder, rng: random.Random) -> str:
    """Two engines on one bank, in one cycle or while the first runs longer than dispatch takes."""
    first, second = rng.sample(QUEUED_ENGINES, 2)
    pad = rng.choice(("ACT", *TARGETS)) if "ST" not in (first, second) else "ACT"
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
    _together(b, rng, (len(b) - 2, len(b) - 1))
    return max(first, second, key=QUEUED_ENGINES.index)


def _address(b: Builder, rng: random.Random) -> str:
    """Leave the banks that are claimed, or the scratchpad."""
    engine = rng.choice(QUEUED_ENGINES)
    words, banks = bank_words(b.machine, "ACT"), banks_of(b.machine, "ACT")
    if engine != "EX":
        _transfer(b, rng, engine)
        low, mask = rng.choice((
            (words * banks - 1, (1 << banks) - 1), (words - 1, 1), (words, 1),
            (0xFFFF, (1 << banks) - 1), (0, 0),
        ))  # fmt: skip
        fields = {"columns": 3, "rows": 1, "blocks": 1, "region": 0 if engine == "LD" else 2}
        b.place(instruction(engine, None, address=low, banks=mask, **fields))
        return engine
    acc = b.machine.scratchpads.acc_words
    _ex(b, rng, mac_x={"count": 2, "stride": 1}, vec_x={"count": 2, "stride": 1},
        vec_x_out={"out": 1, "acc": 1})  # fmt: skip
    good: dict[str, dict[str, int]] = {
        "MAC": {"read_banks": 1, "wgt_banks": 1},
        "RQ": {"par_banks": 1, "write_banks": 2, "out": words},
        "VEC": {"read_banks": 1, "write_banks": 2, "out": words},
    }
    name, wrong = rng.choice((
        ("MAC", {"act": words}), ("MAC", {"read_banks": 0}), ("MAC", {"wgt_banks": 2}),
        ("MAC", {"wgt": 0xFFFF}), ("MAC", {"act": words - 1}),
        ("RQ", {"par": bank_words(b.machine, "PAR") - 1}), ("RQ", {"out": 0}),
        ("RQ", {"write_banks": 0}), ("RQ", {"act_terms": 1}), ("RQ", {"par_banks": 0}),
        ("VEC", {"act": 0xFFFF}), ("VEC", {"out": words - 1}), ("VEC", {"read_banks": 0}),
    ))  # fmt: skip
    if acc < 1 << 16 and rng.random() < 0.2:
        name, wrong = rng.choice((("MAC", {"acc": acc - 1}), ("RQ", {"acc": 0xFFFF})))
    b.place(instruction(name, None, **{**good[name], **wrong}))
    return "EX"


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
    _transfer(b, rng, engine, strides=strides)
    b.place(instruction(engine, None, **fields))
    return engine


def _token(b: Builder, rng: random.Random) -> str:
    """Give one token more than fit."""
    engine, signal = rng.choice(QUEUED_ENGINES), rng.choice(("signal_prev", "signal_next"))
    for _ in range(TOKEN_MAX + 1):
        b.append_with(b.idle_cfg(engine, rng), signal)
    return engine


_MISTAKES: Mapping[str, Callable[[Builder, random.Random], str]] = {
    "opcode": _opcode, "operand": _operand, "bank": _bank, "address": _address, "axi": _axi,
    "token": _token,
}  # fmt: skip
