"""Mistakes in addresses of scratchpads: a bank that is not claimed, or a word that nobody has.

Each address of an instruction is tried alone, at its first word and along each level of its nest,
with one bit too many or in another bank than the instruction names: a machine that drops the bit,
or looks at the wrong bank, then has no fault.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from npusim.cosim.programs.builder import Builder
from npusim.cosim.programs.single import Registers, configure_transfer, configure_work
from npusim.isa.encoding import instruction
from npusim.isa.instructions import FORMATS
from npusim.isa.instructions.mac import LEVELS as MAC_LEVELS
from npusim.isa.scratchpads import bank_words, banks_of, pad_words
from npusim.isa.spec import ADDRESS_SPACE, TARGETS, VEC_OPS

_COUNTERPART = {"read_banks": 1, "write_banks": 0}
"""The bank of ACT that an instruction of EP names in its other mask."""


@dataclass(frozen=True)
class Walk:
    """The addresses that an instruction takes in one scratchpad.

    Attributes
    ----------
    address, banks
        Fields of the instruction: the first word, the banks that are claimed.
    levels
        For each level of the nest the register of its count, and register and field of its stride.
    run
        The register whose count takes one word after the other; empty where several are always
        taken.
    """

    name: str
    address: str
    pad: str
    banks: str
    levels: tuple[tuple[str, str, str], ...] = ()
    run: str = ""
    fields: Mapping[str, int] = field(default_factory=dict)


def _vector_levels(names: str, stride: str) -> tuple[tuple[str, str, str], ...]:
    """Return levels of RQ or VEC; `stride`: of what they read ("stride"), or "out", "acc"."""
    where = "" if stride == "stride" else "_out"
    return tuple((f"vec_{name}", f"vec_{name}{where}", stride) for name in names.split())


_MAX, _SUM = ({"op": VEC_OPS.index(op)} for op in ("max", "sum"))
WALKS = (
    Walk("MAC", "act", "ACT", "read_banks", tuple((n, n, "stride") for n in MAC_LEVELS), "mac_x"),
    Walk("MAC", "wgt", "WGT", "wgt_banks", run="mac_kw"),
    Walk("MAC", "acc", "ACC", "acc_banks", (("mac_ob", "mac_output", "acc_stride"),), "mac_x"),
    Walk("RQ", "act", "ACT", "read_banks", _vector_levels("b y x kx", "stride"), "vec_x",
         {"act_terms": 0xF}),
    Walk("RQ", "acc", "ACC", "acc_banks", _vector_levels("b y x kx", "acc"), "vec_x"),
    Walk("RQ", "out", "ACT", "write_banks", _vector_levels("b y x", "out"), "vec_x"),
    Walk("RQ", "par", "PAR", "par_banks"),
    Walk("VEC", "act", "ACT", "read_banks", _vector_levels("b y x ky kx", "stride"), "vec_x",
         _MAX),
    Walk("VEC", "out", "ACT", "write_banks", _vector_levels("b y x", "out"), "vec_x", _MAX),
    Walk("VEC", "acc", "ACC", "acc_banks", _vector_levels("b y x", "acc"), "vec_x", _SUM),
)  # fmt: skip
ENGINES = ("LD", "MX", "MX", "EP", "EP", "EP", "ST")
"""To choose from: those with more walks more often."""


def address_mistake(b: Builder, rng: random.Random) -> str:
    """Place an instruction with one address that it may not touch; return its engine."""
    engine = rng.choice(ENGINES)
    if engine in ("LD", "ST"):
        _transfer(b, rng, engine)
        return engine
    walk = rng.choice([walk for walk in WALKS if FORMATS[walk.name].engines == (engine,)])
    words = bank_words(b.machine, "ACT")
    fields: dict[str, int] = {
        "MAC": {"read_banks": 1, "wgt_banks": 1, "acc_banks": 1},
        "RQ": {"read_banks": 1, "write_banks": 2, "out": words, "par_banks": 1, "acc_banks": 1},
        "VEC": {"read_banks": 1, "write_banks": 2, "out": words, "acc_banks": 1},
    }[walk.name] | dict(walk.fields)
    wrong, registers = _wrong(b, rng, walk)
    configure_work(b, rng, engine, **registers)
    b.place(instruction(walk.name, None, **{**fields, **wrong}))
    return engine


def _wrong(b: Builder, rng: random.Random, walk: Walk) -> tuple[dict[str, int], Registers]:
    """Return fields and registers with which `walk` leaves what it may touch."""
    words, total = bank_words(b.machine, walk.pad), pad_words(b.machine, walk.pad)
    banks = [*range(banks_of(b.machine, walk.pad))]
    if walk.pad == "ACT" and walk.name != "MAC":
        banks.remove(_COUNTERPART[walk.banks])
    claimed = rng.choice(banks)
    good = {walk.address: claimed * words, walk.banks: 1 << claimed}
    level = rng.choice(walk.levels) if walk.levels else None
    kind = rng.random()
    if kind < 0.5 and total < ADDRESS_SPACE:
        bit = 1 << rng.randrange((total - 1).bit_length(), 16)
        if level is None or rng.random() < 0.4:
            far = rng.choice((bit, rng.randrange(total, ADDRESS_SPACE, total)))
            return good | {walk.address: far + rng.randrange(total)}, {}
        return good, _step(level, bit)
    other = rng.choice([bank for bank in range(banks_of(b.machine, walk.pad)) if bank != claimed])
    if kind < 0.8:
        if level is None or rng.random() < 0.4:
            return good | {walk.address: other * words + rng.randrange(words)}, {}
        return good, _step(level, (other - claimed) * words)
    if kind < 0.95:
        run: Registers = {walk.run: {"count": 2, "stride": 1}} if walk.run else {}
        run |= {f"{walk.run}_out": {"out": 1, "acc": 1}} if walk.name != "MAC" and walk.run else {}
        return good | {walk.address: claimed * words + words - 1}, run
    return good | {walk.banks: 0}, {}


def _step(level: tuple[str, str, str], stride: int) -> Registers:
    """Return the registers of a nest whose second iteration of `level` is `stride` further."""
    count, register, name = level
    half = ADDRESS_SPACE // 2
    registers: Registers = {count: {"count": 2}}
    registers[register] = {
        **registers.get(register, {}),
        name: (stride + half) % ADDRESS_SPACE - half,
    }
    return registers


def _transfer(b: Builder, rng: random.Random, engine: str) -> None:
    """Place a LD or ST that leaves its banks, or the scratchpad."""
    pad = rng.choice(TARGETS) if engine == "LD" else "ACT"
    words, banks = bank_words(b.machine, pad), banks_of(b.machine, pad)
    every, total = (1 << banks) - 1, words * banks
    bit = 1 << rng.randrange(min(15, (total - 1).bit_length()), 16)
    low, mask = rng.choice((
        (total - 1, every), (words - 1, 1), (words, 1), (0xFFFF, every), (0, 0),
        *[(bit % ADDRESS_SPACE + rng.randrange(total), every)] * (4 * (total <= 1 << 15)),
    ))  # fmt: skip
    fields, strides = {"columns": 3, "rows": 1, "blocks": 1}, {}
    if rng.random() < 0.4:  # from a good address on, more than the banks hold
        low, mask = 0, 1
        counts: Sequence[str] = ("columns", "columns", "rows", "blocks")
        count = rng.choice(counts if pad == "ACT" else counts[:1])
        if count == "columns" or rng.random() < 0.5:
            fields[count] += max(words, 1 << rng.randrange(12))
            step = 1
        else:
            fields[count], step = 2, bit if bit < 1 << 15 else -bit
        if count != "columns":
            strides = {"act_stride": {count.removesuffix("s"): step}}
    configure_transfer(b, rng, engine, strides=strides)
    target = {"target": TARGETS.index(pad)} if engine == "LD" else {}
    fields |= {"region": 0 if engine == "LD" else 2, "address": low, "banks": mask, **target}
    b.place(instruction(engine, None, **fields))
