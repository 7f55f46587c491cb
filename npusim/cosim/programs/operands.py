"""Mistakes in operands: what an instruction of any engine is, that must not be issued."""

from __future__ import annotations

import random

from npusim.codes import CODES
from npusim.codes.columns import FORMAT_PLACES
from npusim.cosim.programs.builder import Builder
from npusim.cosim.programs.single import (
    Registers,
    configure_transfer,
    configure_work,
    start_a_burst,
    together,
)
from npusim.isa.encoding import Instruction, instruction
from npusim.isa.instructions import FORMATS
from npusim.isa.instructions.mac import bits_max
from npusim.isa.instructions.vec import PAIRS
from npusim.isa.scratchpads import bank_words, banks_of
from npusim.isa.spec import QUEUED_ENGINES, TARGETS, TERMS_MAX, VEC_OPS
from npusim.words import EPILOGUES, ROUNDINGS


def operand_mistake(b: Builder, rng: random.Random) -> str:
    """Place an instruction with a wrong operand, or two in one cycle; return whose fault it is."""
    mistakes = {
        "LD": _operand_load, "MX": _operand_mac, "EP": _operand_vector, "ST": _operand_store,
    }  # fmt: skip
    engines = rng.sample(QUEUED_ENGINES, rng.choice((1, 1, 1, 2)))
    items = [mistakes[engine](b, rng) for engine in engines]
    others = [other for other in QUEUED_ENGINES if other not in engines]
    long = [_long(b, rng, rng.choice(others))] if len(items) == 1 else []
    start_a_burst(b, rng)
    for item in (*long, *items):
        b.place(item)
    if len(items) > 1:
        together(b, rng, (len(b) - 2, len(b) - 1))
    return min(engines, key=QUEUED_ENGINES.index)


def _long(b: Builder, rng: random.Random, engine: str) -> Instruction:
    """Configure `engine` for many iterations of some levels; return an instruction that goes there.

    What it takes must not be called bad, however long it is; the other engine's fault ends it.
    """
    if engine in ("LD", "ST"):
        counts = {"columns": 1, "rows": 1, "blocks": 1}
        many = rng.choice((*counts,))
        counts[many] = _many(rng, 12 if many == "blocks" else 16)
        strides = {
            name: {"value": rng.getrandbits(32) - (1 << 31)}
            for name in ("row_stride", "block_stride")
        }
        configure_transfer(b, rng, engine, strides=strides)
        bank = banks_of(b.machine, "ACT") - 1
        place = {"address": bank * bank_words(b.machine, "ACT"), "banks": 1 << bank}
        return instruction(engine, None, region=0 if engine == "LD" else 2, **counts, **place)
    name = "MAC" if engine == "MX" else rng.choice(("VEC", "RQ"))
    kind, levels = ("mac", "ob cb kh kw y x") if name == "MAC" else ("vec", "b y x ky kx")
    chosen = [level for level in levels.split() if name != "RQ" or level in "byx"]
    several = rng.sample(chosen, rng.choice((1, 1, 2, len(chosen), len(chosen))))
    work: Registers = {f"{kind}_{level}": {"count": _many(rng)} for level in several}
    configure_work(b, rng, engine, **work)
    if name == "MAC":
        return instruction(name, read_banks=1, wgt_banks=1, acc_banks=1)
    out = bank_words(b.machine, "ACT")
    if name == "RQ":
        return instruction(name, out=out, par_banks=1, write_banks=2, acc_banks=1)
    return instruction(name, op=VEC_OPS.index("max"), out=out, read_banks=1, write_banks=2)


def _many(rng: random.Random, bits: int = 16) -> int:
    """Return a count that is not soon done: of one bit, of two, or of any."""
    many = rng.choice((0, 0, 1 << rng.randrange(bits), *(rng.getrandbits(bits) for _ in range(3))))
    return many | 1 << rng.randrange(5, bits)


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
    configure_transfer(b, rng, "LD", beats)
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
    configure_transfer(b, rng, "ST", beats)
    return instruction("ST", None, **good)


Mistake = tuple[str, Registers, dict[str, int]]
"""An instruction, its registers that differ from single.ONE, its fields that are not 0."""


def _operand_mac(b: Builder, rng: random.Random) -> Instruction:
    rows = b.machine.rows
    wrong: list[Mistake] = [
        *(("MAC", {f"mac_{n}": {"count": 0}}, {}) for n in ("ob", "cb", "kh", "kw", "y", "x")),
        *(("MAC", {"mac_format": {"format": f}}, {}) for f in range(len(CODES), FORMAT_PLACES)),
        *(("MAC", {"mac_format": {"bits": bits}}, {}) for bits in (0, rng.choice((1, 9, 15)))),
        *(
            ("MAC", {"mac_format": {"format": form, "bits": rng.randint(most + 1, 15)}}, {})
            for form in range(len(CODES))
            for most in (bits_max(b.machine, form),)
        ),
        ("MAC", {"mac_tile": {"rows": 0}}, {}),
        (
            "MAC",
            {"mac_tile": {"rows": rng.choice((rows + 1, 2 * rows, 128 | rng.getrandbits(7)))}},
            {},
        ),
        ("MAC", {"mac_format": {"slice": rng.choice((b.machine.slices, 63))}}, {}),
        ("MAC", {"mac_output": {"step": 0}}, {"depthwise": 1}),
        *(
            ("MAC", {"mac_tile": {"rows": rows}, "mac_cb": {"count": 1, "stride": 2}}, {})
            for _ in range(b.machine.words - 1)
        ),
        ("MAC", {}, {"wgt_banks": _beyond(b, rng, "WGT", 4)}),
        ("MAC", {}, {"read_banks": _beyond(b, rng, "ACT")}),
        ("MAC", {}, {"acc_banks": _beyond(b, rng, "ACC", 4)}),
    ]
    return _mistake(b, rng, wrong)


def _operand_vector(b: Builder, rng: random.Random) -> Instruction:
    vec_add = {"op": VEC_OPS.index(rng.choice(PAIRS))}
    common = 1 << rng.randrange(banks_of(b.machine, "ACT"))
    unbuilt = len(EPILOGUES) if b.machine.array.fp32_requantizer else len(ROUNDINGS)
    wrong: list[Mistake] = [
        *((name, {}, {"read_banks": _beyond(b, rng, "ACT")}) for name in ("RQ", "VEC")),
        *((name, {}, {"write_banks": _beyond(b, rng, "ACT")}) for name in ("RQ", "VEC")),
        *((name, {}, {"acc_banks": _beyond(b, rng, "ACC", 4)}) for name in ("RQ", "VEC")),
        *(("RQ", {f"vec_{n}": {"count": 0}}, {}) for n in ("b", "y", "x", "kx")),
        *(
            ("RQ", {"vec_kx": {"count": count}}, {})
            for count in (TERMS_MAX + 1, 1 << rng.randrange(3, 16), 8 | rng.getrandbits(16))
        ),
        ("RQ", {"rq_mode": {"rounding": rng.choice((unbuilt, 7))}}, {}),
        ("RQ", {}, {"read_banks": 3, "write_banks": 2}),
        *(
            (name, {}, dict.fromkeys(("read_banks", "write_banks"), common))
            for name in ("RQ", "VEC")
        ),
        ("RQ", {}, {"par_banks": _beyond(b, rng, "PAR", 4)}),
        *(("VEC", {f"vec_{n}": {"count": 0}}, {}) for n in ("b", "y", "x", "ky", "kx")),
        ("VEC", {"vec_kx": {"count": rng.choice((1, 3, 1 << rng.randrange(2, 16)))}}, vec_add),
        ("VEC", {"vec_kx": {"count": 2}, "vec_ky": {"count": rng.choice((2, 3))}}, vec_add),
        ("VEC", {"vec_ky": {"count": 1 | 2 << rng.randrange(15)}}, vec_add),
        ("VEC", {}, {"read_banks": 1, "write_banks": 1}),
    ]
    if not b.machine.array.pwlq_bits:
        wrong.append(("RQ", {}, {"pwlq": 1}))
    return _mistake(b, rng, wrong)


def _mistake(b: Builder, rng: random.Random, wrong: list[Mistake]) -> Instruction:
    """Return one of `wrong`, its registers configured."""
    wrong = [w for w in wrong if all(w[2].values())]  # there may be no bank that is not there
    name, registers, fields = rng.choice(wrong)
    configure_work(b, rng, FORMATS[name].engines[0], **registers)
    return instruction(name, None, **fields)
