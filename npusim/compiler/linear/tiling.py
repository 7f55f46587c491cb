"""How a linear layer is cut into tiles: fewest DRAM bytes first, then fewest cycles.

A tile is TH x TW outputs of GOB channel blocks, reduced over chunks of GCB input blocks and
GKH x GKW taps. Every combination of sizes (candidates.py) is weighed at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.linear.candidates import (
    LinearShape,
    Tiles,
    act_words,
    between_words,
    candidates,
    passes,
    span,
)
from npusim.compiler.linear.pieces import (
    LAUNCH_CYCLES,
    Pieces,
    best_pieces,
    engine_cycles,
    start_cycles,
)
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.machines import Machine

_SCALE = 64
_OPTIONS = tuple(
    (ins, outs, outer)
    for ins, outs in ((2, 2), (2, 1), (1, 2), (1, 1), (4, 2), (4, 1))
    for outer in (True, False)
)
"""Buffers of input tiles (four hold the chunks of a reduction over all output groups) and of
output tiles, and whether the loop over output groups is outside the one over areas; of equals the
first is taken."""
_INS, _OUTS, _OUTER = (np.array(column)[:, None] for column in zip(*_OPTIONS, strict=True))


@dataclass(frozen=True)
class Tiling:
    """The chosen cut; slots are buffers of one tile, sizes in words.

    `wgt_resident`: all weights stay in WGT, else each slot holds a chunk's of `wgt_blocks` output
    blocks. A PAR slot is a page of `par_page_blocks` output blocks.
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
    between_banks: int
    """For a tile before something is added to it."""
    wgt_resident: bool
    wgt_blocks: int
    wgt_slots: int
    wgt_slot_words: int
    par_page_blocks: int
    par_slots: int
    par_slot_words: int
    pieces: Pieces
    """A tile is multiplied, and requantized, in pieces of so many output blocks and rows."""
    dram_beats: int
    cycles: int
    moving_cycles: int
    """Those of them in which neither MX nor EP works."""
    last_parts: int = 1
    """Of the last output group, so that less is multiplied behind the last load."""

    @property
    def cost(self) -> tuple[int, int]:
        """What the search minimises: DRAM beats first, then cycles."""
        return self.dram_beats, self.cycles


@lru_cache(4096)
def best_tiling(shape: LinearShape, machine: Machine, is_alone: bool = True) -> Tiling | None:
    """Return the cheapest tiling of a layer on `machine`; None where no minimal tile fits.

    `is_alone`: as for `best_pieces`.
    """
    tiles, out_banks, between_banks, banks, beats = _weighed(replace(shape, act_banks=0), machine)
    fits = banks <= shape.act_banks
    if not fits.any():
        return None
    least = int(beats[fits].min())
    options, cheapest = np.nonzero(fits & (beats == least))  # few: their cycles decide
    few = tiles.chosen(cheapest)
    flags = (flag[options, 0] for flag in (_OUTER, _INS, _OUTS))
    cycles, computing = _cycles(shape, machine, few, *flags)
    place = int(cycles.argmin())
    at, option = int(cheapest[place]), _OPTIONS[options[place]]
    return _tiling(
        shape,
        machine,
        tiles,
        at,
        option,
        (int(out_banks[at]) * machine.scratchpads.act_bank_words, int(between_banks[at])),
        (least, int(cycles[place]), int((cycles - computing)[place])),
        is_alone,
    )


def least_banks(shape: LinearShape, machine: Machine) -> float:
    """Return the fewest banks of ACT that a tiling of the layer takes; infinity if none fits."""
    banks = _weighed(replace(shape, act_banks=0), machine).banks
    return int(banks.min()) if banks.size else inf


class _Weighed(NamedTuple):
    """The candidates, their banks and their DRAM beats, [candidates] or [options, candidates]."""

    tiles: Tiles
    out_banks: NDArray[np.int64]
    """Of one output buffer."""
    between_banks: NDArray[np.int64]
    banks: NDArray[np.int64]
    """Of all buffers under each option."""
    beats: NDArray[np.int64]


@lru_cache(256)
def _weighed(shape: LinearShape, machine: Machine) -> _Weighed:
    """Weigh the candidates: cascades ask for one shape with many counts of banks."""
    tiles = candidates(shape, machine)
    bank = machine.scratchpads.act_bank_words
    in_banks = -(-act_words(shape, tiles) // bank)
    out_banks = -(-tiles.gob * tiles.th * tiles.tw // bank)
    between_banks = -(-between_words(shape, tiles) // bank)
    buffers = np.array([out_buffers(shape, outs) for _, outs, _ in _OPTIONS])[:, None]
    banks = _INS * in_banks + buffers * out_banks + between_banks
    beats = _traffic(shape, machine, tiles, _OUTER, _INS).dram_beats
    return _Weighed(tiles, out_banks, between_banks, banks, beats)


def out_buffers(shape: LinearShape, outs: int) -> int:
    """Return the buffers of one output tile: `outs`, and as many for what is added to it."""
    added = shape.residual and shape.residual_strides is None
    return outs * ((not shape.keeps_target) + added)


class _WeightSlots(NamedTuple):
    """How the weights of candidates come to WGT.

    A slot holds a chunk's weights of `blocks` output blocks: of all, or, where a chunk would take
    more than half of the banks, what a bank holds of it; so the next come while these are read.
    """

    chunks: NDArray[np.int64]
    """Of the reduction."""
    resident: NDArray[np.bool_]
    """Whether all stay."""
    blocks: NDArray[np.int64]
    slots: NDArray[np.int64]
    slot_banks: NDArray[np.int64]


def _weight_slots(shape: LinearShape, machine: Machine, tiles: Tiles) -> _WeightSlots:
    each = shape.tiles(tiles.gcb) * passes(shape, tiles) * shape.tile_words
    chunks = -(-shape.in_blocks // tiles.gcb) if not shape.depthwise else 1
    chunks = chunks * -(-shape.kernel[0] // tiles.gkh) * -(-shape.kernel[1] // tiles.gkw)
    groups = -(-shape.out_blocks // tiles.gob)
    resident = groups * chunks * tiles.gob * each <= machine.wgt_words
    banks, bank = machine.scratchpads.wgt_banks, machine.scratchpads.wgt_bank_words
    whole = -(-tiles.gob * each // bank)
    held = np.clip(bank // each, 1, tiles.gob)
    part = -(-held * each // bank)
    is_cut = (2 * whole > banks) & (chunks > 1) & (-(-tiles.gob // held) * part <= banks)
    is_cut &= ~resident & (not shape.depthwise)
    is_cut &= tiles.th * tiles.tw > shape.tile_words * machine.word_beats  # else the bus bounds it
    slot_banks = np.where(is_cut, part, whole)
    return _WeightSlots(
        chunks, resident, np.where(is_cut, held, tiles.gob), banks // slot_banks, slot_banks
    )


def _parameter_pages(
    shape: LinearShape, machine: Machine, tiles: Tiles
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return groups of a page of PAR, pages, and slots: one where half of PAR holds no group."""
    par = tiles.gob * (PAR_HEADER_WORDS + shape.terms)
    groups = -(-shape.out_blocks // tiles.gob)
    slots = np.where(par + shape.add_words <= machine.par_words // 2, 2, 1)
    held = np.minimum((machine.par_words // slots - shape.add_words) // par, groups)
    return held, -(-groups // held), slots


@dataclass(frozen=True)
class _Traffic:
    """DRAM beats of candidates over a whole layer, and how often what is loaded comes."""

    chunks: NDArray[np.int64]
    weight_parts: NDArray[np.int64]
    """What comes to WGT at once, of all chunks of an output group."""
    resident: NDArray[np.bool_]
    wgt_slots: NDArray[np.int64]
    areas: NDArray[np.int64]
    groups: NDArray[np.int64]
    input_again: NDArray[np.int64]
    weights_once: NDArray[np.bool_]
    in_beats: NDArray[np.int64]
    weight_beats: NDArray[np.int64]
    par_beats: NDArray[np.int64]
    """Of all constants once."""
    par_again: NDArray[np.int64]
    out_beats: int
    added_beats: int
    """Of the residual."""

    @property
    def dram_beats(self) -> NDArray[np.int64]:
        """All of them."""
        par_beats = self.par_beats * self.par_again
        return self.in_beats + self.weight_beats + par_beats + self.out_beats + self.added_beats


def _traffic(
    shape: LinearShape, machine: Machine, tiles: Tiles, outer: NDArray, ins: NDArray
) -> _Traffic:
    """Return what each candidate moves; `outer` and `ins` (see _OPTIONS) broadcast against it."""
    weights = _weight_slots(shape, machine, tiles)
    chunks, resident, wgt_slots = weights.chunks, weights.resident, weights.slots
    groups = -(-shape.out_blocks // tiles.gob)
    areas = shape.samples * -(-shape.outputs[0] // tiles.th) * -(-shape.outputs[1] // tiles.tw)
    held = np.where(outer, areas * chunks, chunks) <= ins
    again = np.ones_like(groups) if shape.depthwise else np.where(held, 1, groups)
    in_beats = tiles.loaded * shape.in_pixel_beats * again * (not shape.keeps_source)
    if shape.one_block:
        in_beats = in_beats * shape.in_blocks * groups // (again * shape.source_blocks)
    parts = chunks * -(-tiles.gob // weights.blocks)
    loaded_once = resident | ((parts <= wgt_slots) & outer)
    tiles_loaded = np.where(loaded_once, tiles.passes_once, tiles.passes_again)
    weight_words = shape.out_blocks * shape.in_tiles * tiles_loaded * shape.tile_words
    _, pages, par_slots = _parameter_pages(shape, machine, tiles)
    par_words = shape.out_blocks * (PAR_HEADER_WORDS + shape.terms) + pages * shape.add_words
    pixels = shape.samples * shape.outputs[0] * shape.outputs[1]
    tensor_beats = pixels * shape.out_pixel_beats
    is_added = shape.residual and shape.residual_strides is None
    return _Traffic(
        chunks, parts, resident, wgt_slots, areas, groups, again, loaded_once, in_beats,
        weight_words * machine.word_beats,
        par_words * 4 * machine.word_beats,
        np.where((pages <= par_slots) | outer, 1, areas),
        tensor_beats * (not shape.keeps_target),
        tensor_beats * is_added,
    )  # fmt: skip


def _cycles(
    shape: LinearShape,
    machine: Machine,
    tiles: Tiles,
    outer: NDArray,
    ins: NDArray,
    outs: NDArray,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return an estimate of the cycles of each candidate under its option, and of MX and EP's."""
    moved = _traffic(shape, machine, tiles, outer, ins)
    chunks = moved.chunks
    start = machine.first_beat_cycles + LAUNCH_CYCLES
    outputs = moved.areas * moved.groups
    mac, epilogue = engine_cycles(shape, tiles, chunks, tiles.gob, tiles.th)
    mac = mac + (moved.weight_parts - chunks) * start_cycles(shape)
    ex = outputs * (mac + epilogue)  # in turn: what EP saves beside MX is not spent on bytes
    reads, writes = _burst_cycles(shape, machine, tiles)
    ld = moved.in_beats * reads // _SCALE + moved.weight_beats + moved.par_beats
    ld = ld + outputs * chunks * start * (not shape.keeps_source)
    chunks_loaded = np.where(moved.weights_once, 1, moved.areas) * moved.groups * chunks
    ld = ld + np.where(moved.resident, 0, chunks_loaded * start)
    ld = ld + moved.added_beats * writes // _SCALE + outputs * start * (moved.added_beats > 0)
    st = moved.out_beats * writes // _SCALE + outputs * start * (not shape.keeps_target)
    cycles = np.maximum(np.maximum(ex, ld), st)
    loads = moved.areas * chunks * moved.input_again
    cycles = cycles + np.where((ins == 1) & (loads > 1), np.minimum(ld, ex), 0)
    cycles = cycles + np.where((outs == 1) & (outputs > 1), np.minimum(st, ex), 0)
    one_slot = ~moved.resident & (moved.wgt_slots == 1) & (chunks_loaded > 1)
    cycles = cycles + np.where(one_slot, moved.weight_beats, 0)
    # What comes before the first tile and after the last. Weights that take less than half of the
    # banks come while the layer before is computed.
    hidden = np.where(moved.wgt_slots > 2, moved.weight_beats, 0)
    exposed = (ld - hidden + st) // outputs
    return cycles + exposed, ex


def _burst_cycles(
    shape: LinearShape, machine: Machine, tiles: Tiles
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cycles of a beat that LD and ST take, times _SCALE: short bursts cost more.

    A row of a tile is a segment, unless whole rows follow each other. N outstanding bursts hide the
    latency of N - 1 others.
    """
    latency, most = machine.first_beat_cycles, machine.bus.burst_beats
    hidden = machine.memory.outstanding
    padded = any(shape.padding) or any(size > 1 for size in shape.kernel)
    whole_in = (tiles.tw >= shape.outputs[1]) & (not padded)
    in_row = np.minimum(span(shape, tiles, 1), shape.inputs[1])
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
    tiles: Tiles,
    at: int,
    option: tuple[int, int, bool],
    out_space: tuple[int, int],
    cost: tuple[int, int, int],
    is_alone: bool,
) -> Tiling:
    """Return candidate number `at` with its buffers."""
    ins, outs, outer = option
    one = tiles.chosen(np.array([at]))
    weights = _weight_slots(shape, machine, one)
    page, _, par_slots = (int(a[0]) for a in _parameter_pages(shape, machine, one))
    gob = int(one.gob[0])
    th, tw = int(one.th[0]), int(one.tw[0])
    count = shape.samples * -(-shape.outputs[0] // th) * -(-shape.outputs[1] // tw)
    count *= -(-shape.out_blocks // gob)
    pieces = best_pieces(shape, machine, one, count, int(weights.chunks[0]), is_alone)
    return Tiling(
        th=th,
        tw=tw,
        gob=gob,
        gcb=int(one.gcb[0]),
        gkh=int(one.gkh[0]),
        gkw=int(one.gkw[0]),
        weights_outer=outer,
        act_slots=ins,
        out_slots=outs,
        out_slot_words=out_space[0],
        between_banks=out_space[1],
        wgt_resident=bool(weights.resident[0]),
        wgt_blocks=int(weights.blocks[0]),
        wgt_slots=int(weights.slots[0]),
        wgt_slot_words=int(weights.slot_banks[0]) * machine.scratchpads.wgt_bank_words,
        par_page_blocks=page * gob,
        par_slots=par_slots,
        par_slot_words=machine.par_words // par_slots,
        pieces=pieces,
        dram_beats=cost[0],
        cycles=cost[1],
        moving_cycles=cost[2],
    )
