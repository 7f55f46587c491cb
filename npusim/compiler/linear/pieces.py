"""Pieces of a tile: MX multiplies the next one while EP requantizes the last.

EP has a tile's sums when MX has ended them, and MX needs other banks of ACC for the next ones. So a
tile is cut into pieces of its rows and of its output blocks: the more there are, the less waits at
both ends, and the more weights are loaded that no multiplication hides.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.linear.candidates import LinearShape, Tiles, passes
from npusim.isa.spec import (
    FETCH_BURST_INSTRUCTIONS,
    FETCH_SLOTS,
    MAC_DRAIN_CYCLES,
    MAC_LOAD_CYCLES,
    PAR_HEADER_WORDS,
    RQ_DRAIN_CYCLES,
)
from npusim.isa.traffic import instruction_beats
from npusim.machines import Machine

LAUNCH_CYCLES = 8
"""Of an instruction in the search's estimate: latencies of units, configuration."""
_EPILOGUES = 2
"""Instructions of a piece beside its MACs: RQ, and the registers or the addition of some."""
_MANY = 1 << 16
_CUTS = [(blocks, rows) for blocks in (1, 2, 4, _MANY) for rows in (1, 2, 4)]
"""Into how many pieces of output blocks and of rows a tile may be cut; of equals the first."""
_BLOCK_CUTS, _ROW_CUTS = np.array(_CUTS, np.int64).T[:, :, None]


class Pieces(NamedTuple):
    """Output blocks and rows of a piece, a layer's pieces, and their cycles: MX, EP, together."""

    blocks: int
    rows: int
    number: int
    mx_cycles: int
    ep_cycles: int
    cycles: int


def best_pieces(
    shape: LinearShape, machine: Machine, tiles: Tiles, count: int, chunks: int, is_alone: bool
) -> Pieces:
    """Return the pieces of a tile, the only one of `tiles`, of which a layer has `count`.

    `is_alone`: nothing else runs beside the first piece's MACs and the last one's epilogue. Tiles
    of several reduction chunks are not cut: each piece would load the chunks again.
    """
    blocks = -(-tiles.gob // np.minimum(_BLOCK_CUTS, tiles.gob))[:, 0]  # [cuts]
    rows = -(-tiles.th // _ROW_CUTS)[:, 0]
    pieces = count * -(-tiles.gob // blocks) * -(-tiles.th // rows)
    mac, epilogue = engine_cycles(shape, tiles, np.array(chunks), blocks, rows)
    fetch = (shape.code_planes + _EPILOGUES) * _fetch_cycles(machine)
    pads = machine.scratchpads
    words = blocks * rows * tiles.tw * shape.sum_planes
    banks = -(-words // (pads.acc_words // pads.acc_banks))
    longest = np.maximum(np.maximum(mac, epilogue), fetch)
    beside = pieces * longest + np.minimum(mac, epilogue) * is_alone
    after = pieces * np.maximum(mac + epilogue, fetch)
    cycles = np.where(2 * banks <= pads.acc_banks, beside, after)
    at = int(cycles.argmin()) if chunks == 1 else 0
    found = blocks, rows, pieces, pieces * mac, pieces * epilogue, cycles
    return Pieces(*(int(column[at]) for column in found))


def engine_cycles(
    shape: LinearShape,
    tiles: Tiles,
    chunks: NDArray[np.int64],
    blocks: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cycles of MX and of EP for a piece of `blocks` output blocks and `rows` rows."""
    pixels = rows * tiles.tw
    load, walked = _load_cycles(shape), pixels
    if shape.depthwise:
        read = shape.rows_read(rows, tiles.gkh)
        walked = read * ((tiles.tw - 1) * shape.stride[1] + shape.row_taps)
    taken = blocks * shape.tiles(tiles.gcb) * passes(shape, tiles)
    mac = load + (taken - 1) * np.maximum(walked, load) + walked
    mac = chunks * shape.code_planes * (mac + MAC_DRAIN_CYCLES + LAUNCH_CYCLES)
    turns = pixels * shape.lanes_per_requantizer
    epilogue = blocks * (PAR_HEADER_WORDS + shape.terms * (turns + 1)) + RQ_DRAIN_CYCLES
    if shape.residual:
        epilogue = epilogue + 2 * blocks * turns + RQ_DRAIN_CYCLES + LAUNCH_CYCLES
    return mac, epilogue + LAUNCH_CYCLES


def start_cycles(shape: LinearShape) -> int:
    """Return the cycles of MX that a MAC takes beside those of its multiplications."""
    return shape.code_planes * (_load_cycles(shape) + MAC_DRAIN_CYCLES + LAUNCH_CYCLES)


def _load_cycles(shape: LinearShape) -> int:
    """Return the cycles of MX from one weight tile to the next, where nothing hides them."""
    return shape.rows + MAC_LOAD_CYCLES + 1


def _fetch_cycles(machine: Machine) -> int:
    """Return the cycles in which FETCH brings an instruction: bursts of them, some at a time."""
    beats = FETCH_BURST_INSTRUCTIONS * instruction_beats(machine)
    burst = max(beats, (machine.first_beat_cycles + beats) // FETCH_SLOTS)
    return -(-burst // FETCH_BURST_INSTRUCTIONS)
