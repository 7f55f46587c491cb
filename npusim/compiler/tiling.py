"""How a linear layer is cut into tiles: fewest DRAM bytes first, then fewest cycles.

A tile is TH x TW outputs of GOB channel blocks, reduced over chunks of GCB input blocks and
GKH x GKW taps. Every combination of the sizes below is weighed at once, as columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from npusim.isa.spec import (
    MAC_DRAIN_CYCLES,
    MAC_LOAD_CYCLES,
    PAR_HEADER_WORDS,
    RQ_DRAIN_CYCLES,
)
from npusim.machines import Machine

_LAUNCH_CYCLES = 8
"""Of an instruction in the search's estimate: latencies of units, configuration."""
_STRIDE_MAX = 32767


@dataclass(frozen=True)
class LinearShape:
    """What the search needs to know of a layer; lengths in pixels, blocks and words.

    `tile_words` and `code_planes`: WGT words of one weight tile over all planes, and accumulator
    planes. Depthwise: an output block reads its own input block; a MAC's tile covers `kernel` taps
    of a row.
    """

    outputs: tuple[int, int]
    inputs: tuple[int, int]
    out_blocks: int
    in_blocks: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    rows: int
    row_taps: int
    tile_words: int
    code_planes: int
    terms: int
    depthwise: bool
    one_block: bool
    """One output block a tile: its input blocks are its own (groups)."""
    in_pixel_beats: int
    out_pixel_beats: int
    source_blocks: int

    @property
    def passes(self) -> int:
        """Weight tiles of a kernel row."""
        return -(-self.kernel[1] // self.row_taps)


@dataclass(frozen=True)
class Tiling:
    """The chosen cut; slots are buffers of one tile, sizes in words."""

    th: int
    tw: int
    gob: int
    gcb: int
    gkh: int
    gkw: int
    weights_outer: bool
    act_slots: int
    act_slot_words: int
    out_slots: int
    out_slot_words: int
    out_base: int
    wgt_slots: int
    wgt_slot_words: int
    par_slots: int
    par_slot_words: int
    dram_beats: int
    cycles: int


def cuts(length: int) -> list[int]:
    """Return sizes of equal parts of `length`, from the whole down to 1, about a dozen."""
    counts = [1]
    while counts[-1] < length:
        counts.append(min(length, counts[-1] + max(1, counts[-1] // 2)))
    return sorted({-(-length // count) for count in counts}, reverse=True)


def halves(length: int) -> list[int]:
    """Return `length` halved, rounded up, down to 1."""
    sizes = [length]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // 2))
    return sizes


def _loaded(shape: LinearShape, axis: int, size: int, taps: int) -> int:
    """Return how many rows (columns) all tiles of `size` outputs load, for chunks of `taps`."""
    total, end = 0, shape.inputs[axis]
    for first in range(0, shape.outputs[axis], size):
        count = min(size, shape.outputs[axis] - first)
        for tap in range(0, shape.kernel[axis], taps):
            covered = min(taps, shape.kernel[axis] - tap)
            low = first * shape.stride[axis] - shape.padding[axis] + tap * shape.dilation[axis]
            high = low + (count - 1) * shape.stride[axis] + (covered - 1) * shape.dilation[axis] + 1
            total += max(min(high, end) - max(low, 0), 0)
    return total


def _bank_splits(machine: Machine) -> list[tuple[int, int, int, int]]:
    """Return (input slots, banks of each, output slots, banks of each) that fill ACT."""
    banks = machine.scratchpads.act_banks
    splits = []
    for ins in (2, 1):
        for outs in (2, 1):
            for each in range(1, banks):
                rest = (banks - ins * each) // outs
                if rest >= 1:
                    splits.append((ins, each, outs, rest))
    return splits


def _may_fit(
    shape: LinearShape, machine: Machine, lengths: list[NDArray[np.int64]], place: NDArray
) -> NDArray[np.bool_]:
    """Return which combinations pass the cheap bounds: accumulators and weights."""
    th, tw, gob, gcb, gkh = (lengths[axis][place[axis]] for axis in range(5))
    words = gob * gcb * gkh * shape.tile_words
    sums = th * tw * gob * shape.code_planes
    return (words <= machine.wgt_words) & (sums <= machine.scratchpads.acc_words)


@lru_cache(4096)
def best_tiling(shape: LinearShape, machine: Machine) -> Tiling | None:
    """Return the cheapest tiling of a layer on `machine`; None where no minimal tile fits."""
    pads = machine.scratchpads
    kh, kw = shape.kernel
    sizes = (
        cuts(shape.outputs[0]),
        halves(shape.outputs[1]),
        [1] if shape.one_block else cuts(shape.out_blocks),
        [1] if shape.depthwise else halves(shape.in_blocks),
        cuts(kh) if kh <= 4 else [kh, 1],
        [kw] if shape.row_taps > 1 else sorted({kw, 1}, reverse=True),
        (0, 1),
    )
    splits = np.array(_bank_splits(machine), np.int64)
    lengths = [np.array(choices, np.int64) for choices in sizes]
    place = np.indices([*(len(choices) for choices in sizes), len(splits)]).reshape(8, -1)
    place = place[:, _may_fit(shape, machine, lengths, place)]
    th, tw, gob, gcb, gkh, gkw, outer = (
        choices[i] for choices, i in zip(lengths, place[:7], strict=True)
    )
    act_slots, act_banks, out_slots, out_banks = splits[place[7]].T
    pixels = th * tw
    span_h = (th - 1) * shape.stride[0] + (gkh - 1) * shape.dilation[0] + 1
    span_w = (tw - 1) * shape.stride[1] + (gkw - 1) * shape.dilation[1] + 1
    blocks = gob if shape.depthwise else gcb
    act_words = blocks * span_h * span_w
    out_words = gob * pixels
    acc_words = out_words * shape.code_planes
    passes = -(-gkw // shape.row_taps)
    tiles = gob * gcb * gkh * passes
    chunk_words = tiles * shape.tile_words
    n_ob = -(-shape.out_blocks // gob)
    n_cb = -(-shape.in_blocks // gcb) if not shape.depthwise else np.ones_like(gcb)
    n_rc = n_cb * -(-kh // gkh) * -(-kw // gkw)
    n_sp = -(-shape.outputs[0] // th) * -(-shape.outputs[1] // tw)
    resident = n_ob * n_rc * chunk_words <= machine.wgt_words
    half = machine.wgt_words // 2
    wgt_slots = np.where(resident, n_ob * n_rc, np.where(chunk_words <= half, 2, 1))
    par_words = gob * (PAR_HEADER_WORDS + shape.terms)
    fits = (
        (act_words <= act_banks * pads.act_bank_words)
        & (span_h * span_w <= _STRIDE_MAX)
        & (out_words <= out_banks * pads.act_bank_words)
        & (pixels <= _STRIDE_MAX)
        & (acc_words <= pads.acc_words)
        & (chunk_words <= machine.wgt_words)
        & (par_words <= machine.par_words)
        & (pixels * gob <= 65535)
    )
    keep = np.flatnonzero(fits)
    if not keep.size:
        return None

    def chosen(*arrays: NDArray) -> list[NDArray]:
        return [a[keep] if isinstance(a, np.ndarray) else a for a in arrays]

    (th, tw, gob, gcb, gkh, gkw, outer, pixels, chunk_words, tiles, n_ob, n_rc, n_sp, resident,
     act_slots, act_banks, out_slots, out_banks, wgt_slots, act_words, passes) = chosen(
        th, tw, gob, gcb, gkh, gkw, outer, pixels, chunk_words, tiles, n_ob, n_rc, n_sp, resident,
        act_slots, act_banks, out_slots, out_banks, wgt_slots, act_words, passes,
    )  # fmt: skip
    place = place[:, keep]
    rows_loaded, columns_loaded = (
        np.array([[_loaded(shape, axis, s, t) for t in sizes[axis + 4]] for s in sizes[axis]])[
            place[axis], place[axis + 4]
        ]
        for axis in (0, 1)
    )
    again = np.where(
        outer == 1,
        np.where(n_sp * n_rc <= act_slots, 1, n_ob),
        np.where(n_rc <= act_slots, 1, n_ob),
    )
    if shape.depthwise:
        again = np.ones_like(n_ob)
    in_beats = rows_loaded * columns_loaded * shape.in_pixel_beats * again
    if shape.one_block:
        in_beats = in_beats * shape.in_blocks * n_ob // np.maximum(again * shape.source_blocks, 1)
    weight_words = n_ob * n_rc * chunk_words
    reload = np.where(resident, 1, np.where((outer == 1) & (n_rc <= wgt_slots), 1, n_sp))
    word_beats = machine.word_beats
    weight_beats = weight_words * reload * word_beats
    par_beats = shape.out_blocks * (PAR_HEADER_WORDS + shape.terms) * 4 * word_beats
    out_beats = shape.outputs[0] * shape.outputs[1] * shape.out_pixel_beats
    dram = in_beats + weight_beats + par_beats + out_beats

    latency = machine.memory.latency_cycles
    load_cycles = shape.rows + MAC_LOAD_CYCLES + 1
    walked = pixels
    if shape.depthwise:
        reads = (tw - 1) * shape.stride[1] + shape.row_taps
        walked = th * reads
    drain = MAC_DRAIN_CYCLES + _LAUNCH_CYCLES
    mac = shape.code_planes * (
        load_cycles + (tiles - 1) * np.maximum(walked, load_cycles) + walked + drain
    )
    epilogue = gob * (PAR_HEADER_WORDS + shape.terms * (pixels + 1)) + RQ_DRAIN_CYCLES
    ex = n_sp * n_ob * (n_rc * mac + epilogue + _LAUNCH_CYCLES)
    loads = n_sp * n_ob * n_rc
    ld = in_beats + weight_beats + par_beats + loads * (latency + _LAUNCH_CYCLES)
    st = out_beats + n_sp * n_ob * (latency + _LAUNCH_CYCLES)
    cycles = np.maximum(np.maximum(ex, ld), st)
    serial = (act_slots == 1) & (n_sp * n_rc * again > 1)
    cycles = cycles + np.where(serial, np.minimum(ld, ex), 0)
    cycles = cycles + np.where((out_slots == 1) & (n_sp * n_ob > 1), np.minimum(st, ex), 0)
    cycles = cycles + np.where((wgt_slots == 1) & (reload * n_ob * n_rc > 1), weight_beats, 0)
    cycles = cycles + mac // 4 + st // np.maximum(n_sp * n_ob, 1)  # what nothing overlaps
    best = np.lexsort((np.arange(len(dram)), cycles, dram))[0]

    def at(array: NDArray) -> int:
        return int(array[best])

    one_par = at(gob) * (PAR_HEADER_WORDS + shape.terms)
    par_half = machine.par_words // 2
    par_slots = at(n_ob) if at(n_ob) * one_par <= par_half else 2 if one_par <= par_half else 1
    par_resident = par_slots * one_par <= par_half and par_slots == at(n_ob)
    return Tiling(
        th=at(th), tw=at(tw), gob=at(gob), gcb=at(gcb), gkh=at(gkh), gkw=at(gkw),
        weights_outer=bool(at(outer)),
        act_slots=at(act_slots), act_slot_words=at(act_banks) * pads.act_bank_words,
        out_slots=at(out_slots), out_slot_words=at(out_banks) * pads.act_bank_words,
        out_base=at(act_slots) * at(act_banks) * pads.act_bank_words,
        wgt_slots=at(wgt_slots),
        wgt_slot_words=at(chunk_words) if at(resident) else machine.wgt_words // at(wgt_slots),
        par_slots=par_slots,
        par_slot_words=one_par if par_resident else machine.par_words // par_slots,
        dram_beats=at(dram), cycles=at(cycles),
    )  # fmt: skip
