"""How a linear layer is cut into tiles: fewest DRAM bytes first, then fewest cycles.

A tile is TH x TW outputs of GOB channel blocks, reduced over chunks of GCB input blocks and
GKH x GKW taps. Every combination of the sizes below is weighed at once, as columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
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
_COUNT_MAX = 65535
_SCALE = 64


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
    residual: bool = False
    """A tile of another tensor, as large as the outputs, is added."""
    add_words: int = 0
    """PAR words of that addition, beside each page."""


@dataclass(frozen=True)
class Tiling:
    """The chosen cut; slots are buffers of one tile, sizes in words.

    `wgt_resident`: all weights stay in WGT, else each slot holds a chunk. A PAR slot is a page of
    `par_page_blocks` output blocks.
    """

    th: int
    tw: int
    gob: int
    gcb: int
    gkh: int
    gkw: int
    weights_outer: bool
    act_slots: int
    out_slots: int
    out_slot_words: int
    wgt_resident: bool
    wgt_slots: int
    wgt_slot_words: int
    par_page_blocks: int
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


@lru_cache(1 << 14)
def _walked(
    outputs: int, inputs: int, kernel: int, stride: int, dilation: int, padding: int, size: int,
    taps: int, row_taps: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Return what tiles of `size` outputs do along an axis, for chunks of `taps`.

    The rows (columns) that all of them load, the weight tiles that they multiply by, and those of
    the chunks that any of them needs: a chunk that meets padding alone is left out. Rows that a
    stride skips count as loaded: skipping them by tiny tiles is not worth its cycles.
    """
    loaded, again, needed = 0, 0, {}
    for first in range(0, outputs, size):
        count = min(size, outputs - first)
        for tap in range(0, kernel, taps):
            covered = min(taps, kernel - tap)
            low = first * stride - padding + tap * dilation
            high = low + (count - 1) * stride + (covered - 1) * dilation + 1
            if min(high, inputs) > max(low, 0):
                needed[tap] = -(-covered // row_taps)
                again += needed[tap]
                loaded += min(max(high, low + count * stride), inputs) - max(low, 0)
    return loaded, again, sum(needed.values())


@dataclass(frozen=True)
class _Tiles:
    """Candidate tiles as columns: sizes, the scratchpad words of each, and counts of tiles."""

    th: NDArray[np.int64]
    tw: NDArray[np.int64]
    gob: NDArray[np.int64]
    gcb: NDArray[np.int64]
    gkh: NDArray[np.int64]
    gkw: NDArray[np.int64]
    loaded: NDArray[np.int64]
    """Input pixels that all tiles load, once each."""
    passes_again: NDArray[np.int64]
    """Weight tiles of a channel block that all tiles multiply by."""
    passes_once: NDArray[np.int64]
    """Those of them that differ."""

    def chosen(self, which: NDArray) -> _Tiles:
        """Return some of the candidates."""
        return _Tiles(*(getattr(self, field.name)[which] for field in fields(self)))


def _candidates(shape: LinearShape, machine: Machine) -> _Tiles:
    """Return the tiles whose weights and accumulators fit."""
    kh, kw = shape.kernel
    sizes = (
        cuts(shape.outputs[0]),
        halves(shape.outputs[1]),
        [1] if shape.one_block else cuts(shape.out_blocks),
        [1] if shape.depthwise else halves(shape.in_blocks),
        cuts(kh) if kh <= 4 else [kh, 1],
        [kw] if shape.row_taps > 1 else sorted({kw, 1}, reverse=True),
    )
    places = np.indices([len(choices) for choices in sizes]).reshape(len(sizes), -1)
    columns = [np.array(choices, np.int64)[i] for choices, i in zip(sizes, places, strict=True)]
    walked = []
    for axis, row_taps in ((0, 1), (1, shape.row_taps)):
        of_axis = (
            shape.outputs[axis], shape.inputs[axis], shape.kernel[axis], shape.stride[axis],
            shape.dilation[axis], shape.padding[axis],
        )  # fmt: skip
        counts = [[_walked(*of_axis, s, t, row_taps) for t in sizes[axis + 4]] for s in sizes[axis]]
        walked.append(np.array(counts)[places[axis], places[axis + 4]].T)
    tiles = _Tiles(*columns, *(walked[0] * walked[1]))
    pads = machine.scratchpads
    pixels = tiles.th * tiles.tw
    weights = tiles.gob * tiles.gcb * tiles.gkh * _passes(shape, tiles) * shape.tile_words
    fits = weights <= machine.wgt_words
    fits &= pixels * tiles.gob * shape.code_planes <= min(pads.acc_words, _COUNT_MAX)
    fits &= tiles.gob * (PAR_HEADER_WORDS + shape.terms) + shape.add_words <= machine.par_words
    fits &= (pixels <= _STRIDE_MAX) & (_act_words(shape, tiles) <= machine.act_words)
    return tiles.chosen(fits)


def _passes(shape: LinearShape, tiles: _Tiles) -> NDArray[np.int64]:
    """Return the weight tiles of a kernel row."""
    return -(-tiles.gkw // shape.row_taps)


def _span(shape: LinearShape, tiles: _Tiles, axis: int) -> NDArray[np.int64]:
    """Return the input pixels of a tile along an axis."""
    outputs = (tiles.th, tiles.tw)[axis]
    taps = (tiles.gkh, tiles.gkw)[axis]
    return (outputs - 1) * shape.stride[axis] + (taps - 1) * shape.dilation[axis] + 1


def _act_words(shape: LinearShape, tiles: _Tiles) -> NDArray[np.int64]:
    """Return the ACT words of an input tile; more than any ACT where a stride would overflow."""
    block = _span(shape, tiles, 0) * _span(shape, tiles, 1)
    blocks = tiles.gob if shape.depthwise else tiles.gcb
    return np.where(block <= _STRIDE_MAX, blocks * block, 1 << 30)


@lru_cache(4096)
def best_tiling(shape: LinearShape, machine: Machine) -> Tiling | None:
    """Return the cheapest tiling of a layer on `machine`; None where no minimal tile fits."""
    tiles = _candidates(shape, machine)
    bank, banks = machine.scratchpads.act_bank_words, machine.scratchpads.act_banks
    in_banks = -(-_act_words(shape, tiles) // bank)
    out_banks = -(-tiles.gob * tiles.th * tiles.tw // bank)
    best: tuple[int, int] | None = None
    found: Tiling | None = None
    for ins, outs in ((2, 2), (2, 1), (1, 2), (1, 1)):
        buffers = out_buffers(shape.residual, outs)
        which = np.flatnonzero(ins * in_banks + buffers * out_banks <= banks)
        if not which.size:
            continue
        for outer in (True, False):
            dram, cycles = _cost(shape, machine, tiles.chosen(which), outer, ins, outs)
            place = int(np.lexsort((cycles, dram))[0])
            key = (int(dram[place]), int(cycles[place]))
            if best is None or key < best:
                best = key
                at = int(which[place])
                out_words = int(out_banks[at]) * bank
                found = _tiling(shape, machine, tiles, at, outer, ins, (outs, out_words), key)
    return found


def out_buffers(residual: bool, outs: int) -> int:
    """Return the buffers of one output tile: with a residual, as many for it, and one between."""
    return 2 * outs + 1 if residual else outs


def _weight_slots(
    shape: LinearShape, machine: Machine, tiles: _Tiles
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return words of a chunk, reduction chunks, whether all stay in WGT, and slots for chunks."""
    chunk = tiles.gob * tiles.gcb * tiles.gkh * _passes(shape, tiles) * shape.tile_words
    chunks = -(-shape.in_blocks // tiles.gcb) if not shape.depthwise else 1
    chunks = chunks * -(-shape.kernel[0] // tiles.gkh) * -(-shape.kernel[1] // tiles.gkw)
    groups = -(-shape.out_blocks // tiles.gob)
    resident = groups * chunks * chunk <= machine.wgt_words
    pads = machine.scratchpads
    return chunk, chunks, resident, pads.wgt_banks // -(-chunk // pads.wgt_bank_words)


def _parameter_pages(
    shape: LinearShape, machine: Machine, tiles: _Tiles
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return groups of a page of PAR, pages, and slots: one where half of PAR holds no group."""
    par = tiles.gob * (PAR_HEADER_WORDS + shape.terms)
    groups = -(-shape.out_blocks // tiles.gob)
    slots = np.where(par + shape.add_words <= machine.par_words // 2, 2, 1)
    held = np.minimum((machine.par_words // slots - shape.add_words) // par, groups)
    return held, -(-groups // held), slots


def _cost(
    shape: LinearShape, machine: Machine, tiles: _Tiles, outer: bool, ins: int, outs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return DRAM beats and an estimate of cycles of each candidate.

    `outer`: the loop over output groups is outside the one over areas.
    """
    _, chunks, resident, wgt_slots = _weight_slots(shape, machine, tiles)
    groups = -(-shape.out_blocks // tiles.gob)
    areas = -(-shape.outputs[0] // tiles.th) * -(-shape.outputs[1] // tiles.tw)
    held = (areas * chunks if outer else chunks) <= ins
    again = np.ones_like(groups) if shape.depthwise else np.where(held, 1, groups)
    in_beats = tiles.loaded * shape.in_pixel_beats * again
    if shape.one_block:
        in_beats = in_beats * shape.in_blocks * groups // (again * shape.source_blocks)
    loaded_once = resident | ((chunks <= wgt_slots) & outer)
    tiles_loaded = np.where(loaded_once, tiles.passes_once, tiles.passes_again)
    weight_words = shape.out_blocks * shape.in_blocks * tiles_loaded * shape.tile_words
    weight_beats = weight_words * machine.word_beats
    _, pages, par_slots = _parameter_pages(shape, machine, tiles)
    par_words = shape.out_blocks * (PAR_HEADER_WORDS + shape.terms) + pages * shape.add_words
    par_beats = par_words * 4 * machine.word_beats
    par_again = np.where((pages <= par_slots) | outer, 1, areas)
    out_beats = shape.outputs[0] * shape.outputs[1] * shape.out_pixel_beats
    added_beats = out_beats * shape.residual
    dram = in_beats + weight_beats + par_beats * par_again + out_beats + added_beats

    start = machine.memory.latency_cycles + _LAUNCH_CYCLES
    pixels = tiles.th * tiles.tw
    load_cycles = shape.rows + MAC_LOAD_CYCLES + 1
    walked = pixels
    if shape.depthwise:
        walked = tiles.th * ((tiles.tw - 1) * shape.stride[1] + shape.row_taps)
    passes = tiles.gob * tiles.gcb * tiles.gkh * _passes(shape, tiles)
    mac = load_cycles + (passes - 1) * np.maximum(walked, load_cycles) + walked
    mac = shape.code_planes * (mac + MAC_DRAIN_CYCLES + _LAUNCH_CYCLES)
    epilogue = tiles.gob * (PAR_HEADER_WORDS + shape.terms * (pixels + 1)) + RQ_DRAIN_CYCLES
    if shape.residual:
        epilogue = epilogue + 2 * tiles.gob * pixels + RQ_DRAIN_CYCLES + _LAUNCH_CYCLES
    outputs = areas * groups
    ex = outputs * (chunks * mac + epilogue + _LAUNCH_CYCLES)
    reads, writes = _burst_cycles(shape, machine, tiles)
    ld = in_beats * reads // _SCALE + weight_beats + par_beats + outputs * chunks * start
    ld = ld + added_beats * writes // _SCALE + outputs * start * shape.residual
    st = out_beats * writes // _SCALE + outputs * start
    cycles = np.maximum(np.maximum(ex, ld), st)
    if ins == 1:
        cycles = cycles + np.where(areas * chunks * again > 1, np.minimum(ld, ex), 0)
    if outs == 1:
        cycles = cycles + np.where(outputs > 1, np.minimum(st, ex), 0)
    chunks_loaded = np.where(loaded_once, 1, areas) * groups * chunks
    one_slot = ~resident & (wgt_slots == 1) & (chunks_loaded > 1)
    cycles = cycles + np.where(one_slot, weight_beats, 0)
    exposed = (ld + st) // outputs  # what comes before the first tile and after the last
    return dram, cycles + exposed


def _burst_cycles(
    shape: LinearShape, machine: Machine, tiles: _Tiles
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cycles of a beat that LD and ST take, times _SCALE: short bursts cost more.

    A row of a tile is a segment, unless whole rows follow each other. N outstanding bursts hide the
    latency of N - 1 others.
    """
    latency, most = machine.memory.latency_cycles, machine.bus.burst_beats
    hidden = machine.memory.outstanding
    padded = any(shape.padding) or any(size > 1 for size in shape.kernel)
    whole_in = (tiles.tw >= shape.outputs[1]) & (not padded)
    in_row = np.minimum(_span(shape, tiles, 1), shape.inputs[1])
    in_row = in_row * np.where(whole_in, tiles.th, 1) * shape.in_pixel_beats
    whole_out = tiles.tw >= shape.outputs[1]
    out_row = tiles.tw * np.where(whole_out, tiles.th, 1) * shape.out_pixel_beats
    costs = []
    for row, blocks, gap in (
        (in_row, shape.source_blocks, 0), (out_row, shape.out_blocks, 3)
    ):  # fmt: skip
        burst = np.clip(row // blocks, 1, most)
        cycles = np.maximum(np.maximum(burst + gap, 2), (latency + burst) // hidden)
        costs.append(cycles * _SCALE // burst)
    return costs[0], costs[1]


def _tiling(
    shape: LinearShape,
    machine: Machine,
    tiles: _Tiles,
    at: int,
    outer: bool,
    ins: int,
    out: tuple[int, int],
    cost: tuple[int, int],
) -> Tiling:
    """Return candidate number `at` with its buffers; `out`: slots and words of each."""
    one = tiles.chosen(np.array([at]))
    chunk, _, resident, wgt_slots = (int(a[0]) for a in _weight_slots(shape, machine, one))
    page, _, par_slots = (int(a[0]) for a in _parameter_pages(shape, machine, one))
    gob = int(one.gob[0])
    return Tiling(
        th=int(one.th[0]),
        tw=int(one.tw[0]),
        gob=gob,
        gcb=int(one.gcb[0]),
        gkh=int(one.gkh[0]),
        gkw=int(one.gkw[0]),
        weights_outer=outer,
        act_slots=ins,
        out_slots=out[0],
        out_slot_words=out[1],
        wgt_resident=bool(resident),
        wgt_slots=wgt_slots,
        wgt_slot_words=-(-chunk // machine.scratchpads.wgt_bank_words)
        * machine.scratchpads.wgt_bank_words,
        par_page_blocks=page * gob,
        par_slots=par_slots,
        par_slot_words=machine.par_words // par_slots,
        dram_beats=cost[0],
        cycles=cost[1],
    )
