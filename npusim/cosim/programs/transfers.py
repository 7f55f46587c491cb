"""Snippets of LD and ST: tiles with strides, padding and fill, constants, nests of valid words."""

from __future__ import annotations

import random
from functools import partial

import numpy as np

from npusim.cosim.programs.builder import Builder, Frame, Resource
from npusim.cosim.programs.dram import INPUTS, OUTPUTS, PARAMETERS, SCRATCH, Dram
from npusim.cosim.programs.nest import fit, shape
from npusim.isa.encoding import instruction
from npusim.isa.nest import words_of
from npusim.isa.scratchpads import bank_words, banks_of, pad_words
from npusim.isa.spec import TARGETS

WORK = 160
"""Iterations that one instruction of a snippet has at most; a fiftieth has ten times as many."""


def work(rng: random.Random) -> int:
    """Return the iterations that an instruction may have."""
    return WORK * 10 if rng.random() < 0.02 else rng.choice((8, 40, WORK))


def banks_used(pad: str, banks: int) -> list[Resource]:
    """Return the banks of a mask as the builder names them."""
    return [(pad, bank) for bank in range(8) if banks >> bank & 1]


def claim(b: Builder, pad: str, banks: int, rng: random.Random, free: int = -1) -> int:
    """Return `banks`, now and then with one more of `free` that is not touched."""
    extra = 1 << rng.randrange(banks_of(b.machine, pad))
    return banks | (extra & free) if rng.random() < 0.15 else banks


def _dram_use(region: int) -> list[Resource]:
    return [("DRAM", region)] if region == SCRATCH else []


def load_plain(b: Builder, d: Dram, rng: random.Random) -> None:
    """LD of contiguous words into ACT or WGT."""
    pad = rng.choice(("ACT", "WGT", "WGT"))
    total = pad_words(b.machine, pad)
    region = rng.choice((*INPUTS, SCRATCH))
    beats = b.machine.word_beats
    most = min(total, d.beats(region) // beats, work(rng))
    words = rng.randint(1, most)
    low = rng.randint(0, total - words)
    banks = claim(b, pad, b.banks_of_words(pad, np.arange(low, low + words)), rng)
    offset = d.first_beat(rng, range(d.beats(region) - words * beats + 1))
    item = instruction(
        "LD", target=TARGETS.index(pad), plain=int(pad == "ACT" or rng.random() < 0.3),
        region=region, offset=offset, address=low, banks=banks, columns=words,
        rows=rng.choice((1, 0, 7)), blocks=rng.choice((1, 0, 5)),
    )  # fmt: skip
    b.append(item, rng, banks_used(pad, banks) + _dram_use(region))


def load_tile(b: Builder, d: Dram, rng: random.Random) -> None:
    """LD of rows and blocks into ACT, with strides, padding and a fill."""
    region = rng.choice((*INPUTS, SCRATCH))
    counts = shape(rng, 3, max(4, work(rng) // 2))
    element = rng.randint(1, b.machine.word_beats)
    if counts[2] * element > d.beats(region):
        return
    room = d.beats(region) - counts[2] * element + 1
    offset, (block, row) = fit(rng, room, counts[:2], choose=partial(d.first_beat, rng))
    pads = [rng.choice((0, 0, 1, 2, 3)) if rng.random() < 0.7 else 0 for _ in range(4)]
    if rng.random() < 0.1:
        pads[rng.randrange(4)] = rng.randint(4, 255)
    height, width = pads[0] + counts[1] + pads[1], pads[2] + counts[2] + pads[3]
    total = pad_words(b.machine, "ACT")
    room = total - width + 1
    span = min(room, rng.choice((width * height * counts[0] + 3, 64, bank_words(b.machine, "ACT"))))
    if (height - 1) * (counts[0] > 0) >= span or span < 1:
        return
    low, (act_block, act_row) = fit(rng, span, [counts[0], height])
    low += rng.randint(0, room - span)
    words = words_of(low, ((counts[0], act_block[1]), (height, act_row[1]), (width, 1)))
    banks = claim(b, "ACT", b.banks_of_words("ACT", words), rng)
    b.configure("LD", {
        "row_stride": {"value": row[1]}, "block_stride": {"value": block[1]},
        "act_stride": {"row": act_row[1], "block": act_block[1]},
        "element": {"beats": element, "fill": rng.randrange(256)},
        "pads": dict(zip(("top", "bottom", "left", "right"), pads, strict=True)),
    }, rng)  # fmt: skip
    item = instruction(
        "LD", region=region, offset=offset, address=low, banks=banks, columns=counts[2],
        rows=counts[1], blocks=counts[0],
    )  # fmt: skip
    b.append(item, rng, banks_used("ACT", banks) + _dram_use(region))


def load_parameters(b: Builder, d: Dram, rng: random.Random) -> None:
    """LD of the constants of a few channel blocks into PAR."""
    terms, blocks = rng.choice((1, 2, 3, 4)), rng.choice((1, 1, 2, 3))
    words = blocks * (3 + terms)
    total = pad_words(b.machine, "PAR")
    is_float = bool(b.machine.array.fp32_requantizer) and rng.random() < 0.4
    if words > total:
        return
    low = rng.randint(0, total - words)
    banks = claim(b, "PAR", b.banks_of_words("PAR", np.arange(low, low + words)), rng)
    item = instruction(
        "LD", target=TARGETS.index("PAR"), region=PARAMETERS,
        offset=d.add_parameters(terms, blocks, rng, is_float), address=low, banks=banks,
        columns=words,
    )  # fmt: skip
    b.append(item, rng, banks_used("PAR", banks))
    b.frames.append(Frame(low, terms, blocks, is_float))


def store(b: Builder, d: Dram, rng: random.Random) -> None:
    """ST of a nest of valid words."""
    runs = b.runs("ACT", -1)
    if not runs:
        return load_plain(b, d, rng)
    first, length = rng.choice(runs)
    columns = rng.randint(1, min(length, 24))
    counts = shape(rng, 2, max(1, work(rng) // 2 // columns))
    low, (block, row) = fit(rng, length - columns + 1, counts)
    element, region = rng.randint(1, b.machine.word_beats), rng.choice((*OUTPUTS, SCRATCH))
    room = d.beats(region) - columns * element + 1
    offset, (out_block, out_row) = fit(rng, room, counts, choose=partial(d.first_beat, rng))
    words = words_of(first + low, ((counts[0], block[1]), (counts[1], row[1]), (columns, 1)))
    banks = claim(b, "ACT", b.banks_of_words("ACT", words), rng)
    b.configure("ST", {
        "row_stride": {"value": out_row[1]}, "block_stride": {"value": out_block[1]},
        "act_stride": {"row": row[1], "block": block[1]},
        "element": {"beats": element, "fill": rng.randrange(256)},
    }, rng)  # fmt: skip
    item = instruction(
        "ST", region=region, offset=offset, address=first + low, banks=banks, columns=columns,
        rows=counts[1], blocks=counts[0],
    )  # fmt: skip
    b.append(item, rng, banks_used("ACT", banks) + _dram_use(region))
