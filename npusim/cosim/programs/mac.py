"""Snippet of MAC: any loop nest, weight format and mask, dense or depthwise."""

from __future__ import annotations

import random

import numpy as np

from npusim.codes import CODES, LEAST_BITS
from npusim.cosim.programs.builder import Builder
from npusim.cosim.programs.dram import Dram
from npusim.cosim.programs.nest import fit, product, shape
from npusim.cosim.programs.transfers import banks_used, claim, load_plain, load_tile, work
from npusim.isa.encoding import instruction
from npusim.isa.instructions.mac import LEVELS, SUBSET_SELECTORS, bits_max
from npusim.isa.layout import weight_tile_words
from npusim.isa.nest import words_of


def zero_point(rng: random.Random, unsigned: int) -> int:
    """Return a zero point of int8 or uint8, the ends and 0 more often."""
    low, high = (0, 255) if unsigned else (-128, 127)
    return rng.choice((low, high, 0, rng.randint(low, high)))


def multiply(b: Builder, d: Dram, rng: random.Random) -> None:
    """MAC over any loop nest, format and mask, dense or depthwise."""
    weights, reads = b.runs("WGT", -1), b.runs("ACT", -1)
    if not weights or not reads:
        load_plain(b, d, rng)
        return load_tile(b, d, rng)
    (wgt, wgt_words), (act, act_words) = rng.choice(weights), rng.choice(reads)
    formats = [f for f in range(len(CODES)) if bits_max(b.machine, f)]
    form = rng.choice(formats)
    bits = rng.randint(LEAST_BITS, bits_max(b.machine, form))
    stored, depthwise = CODES[form].stored_bits(bits), int(rng.random() < 0.4)
    rows = rng.choice((b.machine.rows, *(rng.randint(1, b.machine.rows) for _ in range(4))))
    rows = max(1, min(rows, wgt_words * 8 // stored))
    taps = rng.choice((-(-rows // 3), -(-rows // 2), rows - 1, 255))
    if rng.random() < 0.4:
        taps = rng.randint(0, rows)
    tile_words = weight_tile_words(rows, stored)
    tiles = shape(rng, 4, max(1, min(wgt_words // tile_words, 12)))
    pixels = shape(rng, 2, max(1, work(rng) // product(tiles)))
    if depthwise and b.machine.array.line_words and rng.random() < 0.6:
        pixels = _window_pixels(rng, b.machine.array.line_words, work(rng) // product(tiles))
    warm, step = rng.choice((0, rows - 1, rng.randint(0, rows + 1))), rng.choice((1, 1, 2, 3))
    if not depthwise:  # which alone takes them
        warm, step = rng.randrange(256), rng.randrange(256)
    window = int(depthwise and 2 <= pixels[1] <= b.machine.array.line_words)
    row_warm, row_skip = rng.choice((0, 1, 2, 2, 3)), rng.choice((0, 0, 1, 2))
    if not window:  # which alone takes them, and the flag of which means nothing to others
        row_warm, row_skip = rng.randrange(4), rng.randrange(32)
    elif rng.random() < 0.8:  # results in every row that it emits
        warm, row_warm = min(warm, pixels[1] - 1), min(row_warm, pixels[0] - 1)
    per_row = len(range(warm, pixels[1], step)) if depthwise else pixels[1]
    emitting = range(row_warm, pixels[0], row_skip + 1)
    results = per_row * (len(emitting) if window else pixels[0])
    acc_words = b.machine.scratchpads.acc_words
    if results > acc_words:
        return
    slices = b.machine.slices
    first = rng.choice((0, 0, slices - 1, rng.randrange(slices))) if slices > 1 else 0
    together = 1 if depthwise else -(-rows // b.machine.size)
    blocks = ((first + tiles[1] - 1) // slices + 1) * together
    counts, apart = [tiles[0], blocks, *tiles[2:], *pixels], 0
    if together > 1:  # which lie an odd distance apart
        most = (act_words - 1) // (blocks - 1)
        if most < 1:
            return load_tile(b, d, rng)
        apart = rng.choice((1, rng.randint(1, most), rng.randint(1, min(most, 9)))) - 1 | 1
        counts[1], act_words = 1, act_words - apart * (blocks - 1)
    low, levels = fit(rng, act_words, counts)
    if together > 1:
        is_down = rng.random() < 0.2
        levels[1] = blocks, -apart if is_down else apart
        low += is_down * apart * (blocks - 1)
    level = CODES[form].regions
    accumulate = 0
    acc, acc_stride = _accumulators(rng, acc_words, tiles[0], results)
    if acc is None:
        return
    if rng.random() < 0.5 and results:
        words = words_of(acc, ((tiles[0], acc_stride), (results, 1)))
        distinct = acc_stride == 0 or abs(acc_stride) >= results or tiles[0] == 1
        accumulate = int(distinct and bool((b.valid["ACC"][words] >= level).all()))
    unsigned = rng.getrandbits(1)
    names = dict(zip(LEVELS, levels, strict=True))
    b.configure("MX", {
        **{name: {"count": c, "stride": s} for name, (c, s) in names.items()},
        "mac_cb": {"count": tiles[1], "stride": names["mac_cb"][1]},
        "mac_tile": {
            "rows": rows,
            "row_first": rng.choice((0, 0, 0, 0, 0, 0, rng.randint(0, rows), rng.randrange(256))),
            "row_end": rng.choice((rows, rows, rng.randint(0, rows), 255)),
            "taps": taps,
        },
        "mac_output": {"acc_stride": acc_stride, "warm": warm, "step": step},
        "mac_format": {
            "format": form, "bits": bits, "unsigned": unsigned,
            "zero_point": zero_point(rng, unsigned), "row_warm": row_warm, "row_skip": row_skip,
            "slice": first,
        },
        **{
            name: {"value": rng.choice((0, *(rng.getrandbits(32) for _ in range(7))))}
            for name in {SUBSET_SELECTORS: 0, **dict.fromkeys(CODES[form].level_registers)}
        },
    }, rng)  # fmt: skip
    read = b.banks_of_words("ACT", words_of(act + low, levels))
    read = claim(b, "ACT", read, rng)
    tile = wgt + rng.randint(0, wgt_words - product(tiles) * tile_words)
    used = b.banks_of_words("WGT", np.arange(tile, tile + product(tiles) * tile_words))
    used = claim(b, "WGT", used, rng)
    added = words_of(acc, ((tiles[0], acc_stride), (results, 1)))
    sums = claim(b, "ACC", b.banks_of_words("ACC", added), rng)
    item = instruction(
        "MAC", accumulate=accumulate, depthwise=depthwise, window=window or 1 - depthwise,
        acc=acc, act=act + low, wgt=tile, read_banks=read, wgt_banks=used, acc_banks=sums,
    )  # fmt: skip
    uses = banks_used("ACT", read) + banks_used("WGT", used) + banks_used("ACC", sums)
    b.append(item, rng, uses, level)


def _window_pixels(rng: random.Random, line_words: int, most: int) -> list[int]:
    """Return rows and columns of a window of about `most` pixels; of four rows at least at will."""
    columns = rng.choice(
        (2, rng.randint(2, min(line_words, 9)), min(line_words, max(2, most // 3)))
    )
    return [rng.randint(1, max(4, min(most // columns, 9))), columns]


def _accumulators(
    rng: random.Random, words: int, blocks: int, results: int
) -> tuple[int | None, int]:
    """Return (acc, acc_stride) for `blocks` times `results` words; None where they do not fit."""
    strides = [0, results, results, -results, results + 1, rng.randint(-3, 3)]
    if blocks == 1:  # which takes none
        strides = [rng.randint(-(1 << 15), (1 << 15) - 1)]
    rng.shuffle(strides)
    for stride in strides:
        low, high = min(0, stride * (blocks - 1)), max(0, stride * (blocks - 1)) + results
        if high - low <= words:
            near = rng.choice((0, 0, rng.randint(0, words - (high - low))))
            return near - low, stride
    return None, 0
