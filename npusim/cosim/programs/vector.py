"""Snippets of RQ and VEC: any operands, windows, strides and rounding."""

from __future__ import annotations

import random
from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from npusim.cosim.programs.builder import Builder
from npusim.cosim.programs.dram import Dram
from npusim.cosim.programs.mac import zero_point
from npusim.cosim.programs.nest import Level, fit, product, shape
from npusim.cosim.programs.transfers import banks_used, claim, load_parameters, load_plain, work
from npusim.datapath.add import LEFT_SHIFT
from npusim.isa.encoding import instruction
from npusim.isa.instructions.vec import PAIRS
from npusim.isa.nest import words_of
from npusim.isa.scratchpads import bank_words, banks_of
from npusim.isa.spec import VEC_OPS
from npusim.words import EPILOGUES, ROUNDINGS

OFTEN = ("lookup",) * 3 + ("add", "multiply") * 2 + ("max", "min", "sum")
"""Operations of VEC with more to go wrong than in a copy."""
ROUNDING_CODES = 8
"""Of VEC, which takes those that name no rounding as half_up."""


def _output(
    b: Builder, rng: random.Random, counts: list[int], banks: int
) -> tuple[int, list[Level]] | None:
    """Return (out, levels) of words within `banks`; None where there is no room."""
    words = bank_words(b.machine, "ACT")
    free = [bank for bank in range(banks_of(b.machine, "ACT")) if banks >> bank & 1]
    if not free:
        return None
    bank = rng.choice(free)
    room = words * (1 + (bank + 1 in free))
    low, levels = fit(rng, min(room, rng.choice((product(counts) + 2, 40, room))), counts)
    high = low + sum(max(0, (c - 1) * s) for c, s in levels)
    return bank * words + low + (rng.randint(0, room - 1 - high) if room > high + 1 else 0), levels


def _bounds(rng: random.Random, unsigned: int) -> dict[str, int]:
    least, most = (0, 255) if unsigned else (-128, 127)
    low = rng.choice((least, least, rng.randint(least, most)))
    return {
        "zero_point": zero_point(rng, unsigned), "low": low,
        "high": rng.choice((most, most, rng.randint(low, most), max(low, 0))),
    }  # fmt: skip


def requantize(b: Builder, d: Dram, rng: random.Random) -> None:
    """RQ of accumulators, residuals or both."""
    if not b.frames:
        return load_parameters(b, d, rng)
    par, terms, blocks, is_float = rng.choice((b.frames[-1], rng.choice(b.frames)))
    skip = rng.randrange(blocks)
    counts = [rng.randint(1, blocks - skip), *shape(rng, 2, max(1, work(rng) // blocks // terms))]
    whole = b.runs("ACC", -1, 3)  # sums in all three regions
    pwlq = int(bool(b.machine.array.pwlq_bits) and rng.random() < (0.7 if whole else 0.2))
    sums, reads = whole if pwlq else b.runs("ACC", -1), b.runs("ACT", -1)
    act_terms = sum(int(rng.random() < 0.4) << j for j in range(4))
    mask = (1 << terms) - 1
    if not sums:
        act_terms |= mask
    if not reads and act_terms & mask:
        return load_plain(b, d, rng)
    uses_act, uses_acc = act_terms & mask, ~act_terms & mask
    act, act_words = rng.choice(reads) if uses_act else (rng.getrandbits(15), 1 << 15)
    acc, acc_words = rng.choice(sums) if uses_acc else (rng.getrandbits(15), 1 << 15)
    act_low, act_levels = fit(rng, act_words, [*counts, terms])
    acc_low, acc_levels = fit(rng, acc_words, [*counts, terms])
    act, acc = act + act_low, acc + acc_low
    read = 0
    if uses_act:
        read = b.banks_of_words("ACT", words_of(act, act_levels))
    found = _output(b, rng, counts, ~read)
    if found is None:
        return None
    out, out_levels = found
    write = b.banks_of_words("ACT", words_of(out, out_levels))
    read = claim(b, "ACT", read, rng, ~write)
    unsigned = rng.getrandbits(1)
    roundings = len(EPILOGUES) if b.machine.array.fp32_requantizer else len(ROUNDINGS)
    rounding = rng.randrange(roundings)
    if is_float and rng.random() < 0.8:
        rounding = EPILOGUES.index("float32")
    _vector_registers(b, rng, counts, [terms], act_levels, acc_levels, out_levels, {
        "rq_output": _bounds(rng, rng.getrandbits(1)),
        "rq_mode": {
            "rounding": rounding, "unsigned": unsigned,
            "pwlq_bits": rng.randint(2, 8) if pwlq else rng.randrange(16),
        },
    })  # fmt: skip
    first = par + skip * (3 + terms)
    used = b.banks_of_words("PAR", np.arange(first, first + counts[0] * (3 + terms)))
    used = claim(b, "PAR", used, rng)
    summed = b.banks_of_words("ACC", words_of(acc, acc_levels)) if uses_acc else 0
    summed = claim(b, "ACC", summed, rng)
    item = instruction(
        "RQ", act_terms=act_terms, pwlq=pwlq, acc=acc, act=act, out=out, read_banks=read,
        write_banks=write, par=first, par_banks=used, acc_banks=summed,
    )  # fmt: skip
    uses = banks_used("ACT", read | write) + banks_used("PAR", used) + banks_used("ACC", summed)
    b.append(item, rng, uses)


def _vector_registers(
    b: Builder,
    rng: random.Random,
    counts: list[int],
    taps: list[int],
    act: list[Level],
    acc: list[Level],
    out: list[Level],
    others: Mapping[str, Mapping[str, int]],
) -> None:
    """Configure the vector nest; `taps`: counts of kx (RQ) or of ky, kx (VEC).

    Strides of ACC and of the output that `acc` and `out` do not give are not used: any.
    """
    names = ["vec_b", "vec_y", "vec_x", *(["vec_kx"] if len(taps) == 1 else ["vec_ky", "vec_kx"])]
    registers: dict[str, dict[str, int]] = {}
    for index, name in enumerate(names):
        number = counts[index] if index < 3 else taps[index - 3]
        registers[name] = {"count": number, "stride": act[index][1]}
        registers[name + "_out"] = {
            "out": out[index][1] if index < len(out) else _any_stride(rng),
            "acc": acc[index][1] if index < len(acc) else _any_stride(rng),
        }
    if len(taps) == 1:
        registers["vec_ky"] = {
            "count": rng.choice((0, 3, rng.getrandbits(16))),
            "stride": _any_stride(rng),
        }
    b.configure("EP", {**registers, **others}, rng)


def _any_stride(rng: random.Random) -> int:
    return rng.choice((0, rng.randint(-9, 9), rng.randint(-(1 << 15), (1 << 15) - 1)))


def vector(b: Builder, d: Dram, rng: random.Random) -> None:
    """VEC of any operation, up to three; before lookups a table."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        op = rng.choice((*VEC_OPS, *OFTEN))
        if op == "lookup" and not b.has_table:
            _vector(b, d, rng, "table")
        if op != "lookup" or b.has_table:
            _vector(b, d, rng, op)


def _vector(b: Builder, d: Dram, rng: random.Random, op: str) -> None:
    reads = b.runs("ACT", -1)
    if not reads:
        return load_plain(b, d, rng)
    act, act_words = max(reads, key=itemgetter(1)) if op == "table" else rng.choice(reads)
    outputs = work(rng) // {"lookup": 1, "add": 2, "multiply": 2}.get(op, 4) + 1
    counts = shape(rng, 3, min(outputs, b.machine.scratchpads.acc_words))  # sums fit
    taps = [1, 2] if op in PAIRS and rng.random() < 0.8 else shape(rng, 2, 9)
    if op in ("max", "min", "sum") and rng.random() < 0.5:
        taps = [rng.randint(1, 3), rng.randint(2, 3)]
    if op in PAIRS and product(taps) != 2:
        taps = [2, 1]
    if op == "table":
        whole = 256 // b.machine.size
        counts, taps = [1, 1, rng.choice((whole, 1, 3))], [1, 1]
        if not b.has_table:
            counts[2] = whole
    low, levels = fit(rng, act_words, [*counts, *taps])
    act += low
    read = b.banks_of_words("ACT", words_of(act, levels))
    acc, sums, accumulate = (
        _sums(b, rng, counts) if op == "sum" else (rng.getrandbits(16), [], rng.getrandbits(1))
    )
    summed = b.banks_of_words("ACC", words_of(acc, sums)) if op == "sum" else 0
    summed = claim(b, "ACC", summed, rng)
    write, out = 0, rng.getrandbits(16)
    out_levels: list[Level] = []
    if op not in ("sum", "table"):
        found = _output(b, rng, counts, ~read)
        if found is None:
            return None
        out, out_levels = found
        write = b.banks_of_words("ACT", words_of(out, out_levels))
    read = claim(b, "ACT", read, rng, ~write)
    unsigned = rng.getrandbits(1)
    others = {
        "rq_output": _bounds(rng, unsigned),
        "rq_mode": {
            "rounding": rng.randrange(ROUNDING_CODES),
            "unsigned": unsigned,
            "pwlq_bits": rng.randrange(16),
        },
    }
    if op in PAIRS:
        multipliers, shifts = _add_scales(rng)
        if op == "multiply" and rng.random() < 0.8:
            multipliers, shifts = _product_scales(rng)
        for i, multiplier in enumerate(multipliers):
            others[f"add_multiplier{i}"] = {"value": multiplier}
        others["add_shift"] = {f"shift{i}": shift for i, shift in enumerate(shifts)}
        others["add_zero_point"] = {f"zero_point{i}": zero_point(rng, unsigned) for i in (0, 1)}
    _vector_registers(b, rng, counts, taps, levels, sums, out_levels, others)
    item = instruction(
        "VEC", op=VEC_OPS.index(op), accumulate=accumulate, subtract=rng.getrandbits(1), acc=acc,
        act=act, out=out, read_banks=read, write_banks=write, acc_banks=summed,
    )  # fmt: skip
    b.append(item, rng, banks_used("ACT", read | write) + banks_used("ACC", summed))
    b.has_table |= op == "table"


def _add_scales(rng: random.Random) -> tuple[list[int], list[int]]:
    """Return the multipliers and shifts of add: as a compiler writes them, or of few bits.

    Multipliers of few bits, with shifts that leave some 8 bits, show each of their bits.
    """
    if rng.random() < 0.6:
        multipliers = [rng.randint(1 << 30, (1 << 31) - 1) for _ in range(3)]
        return multipliers, [rng.randint(31, 40), rng.randint(31, 40), rng.randint(20, 62)]
    widths = [rng.randint(1, 31) for _ in range(3)]
    shifts = [min(62, width + rng.randint(0, 21)) for width in widths[:2]]
    sum_bits = 27 + max(w - s for w, s in zip(widths, shifts, strict=False))
    shifts.append(max(0, min(62, sum_bits + widths[2] - rng.randint(5, 9))))
    return [rng.getrandbits(width) for width in widths], shifts


def _product_scales(rng: random.Random) -> tuple[list[int], list[int]]:
    """Return the multipliers and shifts of multiply: the product as it is, then some 8 bits of it.

    What is added to it is nothing, as a compiler writes it, or little.
    """
    width = rng.randint(1, 31)
    beside = rng.choice((0, rng.getrandbits(8)))
    last = rng.getrandbits(width) | 1 << (width - 1)
    shifts = [LEFT_SHIFT, rng.randint(LEFT_SHIFT, 40), min(62, width + rng.randint(4, 9))]
    return [rng.getrandbits(31), beside, last], shifts


def _sums(b: Builder, rng: random.Random, counts: list[int]) -> tuple[int, list[Level], int]:
    """Return (acc, levels, accumulate) of the words of a sum; each word is met once."""
    words, total = b.machine.scratchpads.acc_words, product(counts)
    acc = rng.randint(0, max(0, words - total))
    held_runs = [(low, length) for low, length in b.runs("ACC", -1) if length >= total]
    if held_runs and rng.random() < 0.8:  # on sums that may grow
        low, length = rng.choice(held_runs)
        acc = rng.randint(low, low + length - total)
    levels = [(counts[0], counts[1] * counts[2]), (counts[1], counts[2]), (counts[2], 1)]
    if rng.random() < 0.3:
        levels = [(counts[0], 1), (counts[1], counts[0]), (counts[2], counts[0] * counts[1])]
    held = bool(b.valid["ACC"][words_of(acc, levels)].all())
    return acc, levels, int(held and rng.random() < 0.7)
