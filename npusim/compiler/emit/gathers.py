"""Words gathered by addresses: each word of the target is one of the source's, or a fill.

Runs of pixels that follow each other in both are the columns of an LD and an ST; runs of one length
at equal distances are its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.emit.elementwise import act_plan
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import ActTile, Stored
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import Pads, Patch, load_tile, store_tile
from npusim.isa.fields import COUNT_MAX
from npusim.isa.instructions.ld import MOST_PADS
from npusim.machines import Machine

FILL = -1
"""The source of words that get no value."""
MOST_RUNS = 1 << 14
"""Of a block of channels, before they are joined: what is more ragged is not taken apart."""
_START_CYCLES = 8


@dataclass(frozen=True, eq=False)
class Words:
    """Where the words of one block of the target come from: int64 [pixels] each.

    `sources`: number of a tensor, or FILL.
    """

    sources: NDArray[np.int64]
    blocks: NDArray[np.int64]
    pixels: NDArray[np.int64]


@dataclass(frozen=True)
class Move:
    """`rows` runs of `columns` pixels, steps in pixels from one to the next."""

    source: int
    from_block: int
    from_pixel: int
    from_step: int
    to_block: int
    to_pixel: int
    to_step: int
    columns: int
    rows: int


def moves_of(blocks: Sequence[Words]) -> list[Move] | None:
    """Return the moves that fill all blocks of a target; None where they are too many."""
    found: list[Move] = []
    for to_block, words in enumerate(blocks):
        keys = np.stack([words.sources, np.where(words.sources == FILL, 0, words.blocks)])
        for source, block in np.unique(keys, axis=1).T.tolist():
            to = np.flatnonzero((keys[0] == source) & (keys[1] == block))
            pixels = to if source == FILL else words.pixels[to]
            breaks = np.flatnonzero((np.diff(to) != 1) | (np.diff(pixels) != 1)) + 1
            if len(breaks) >= MOST_RUNS:
                return None
            starts = np.concatenate([[0], breaks])
            lengths = np.diff([*starts, len(to)])
            runs = zip(pixels[starts].tolist(), to[starts].tolist(), lengths.tolist(), strict=True)
            found += _joined((source, block, to_block), list(runs))
    return found


def _joined(key: tuple[int, int, int], runs: list[tuple[int, int, int]]) -> list[Move]:
    """Return (first source pixel, first target pixel, length) of runs as rows of moves."""
    source, from_block, to_block = key
    found: list[Move] = []
    for pixel, to, length in runs:
        last = found[-1] if found else None
        if last is not None and last.columns == length and last.rows < COUNT_MAX:
            step = pixel - last.from_pixel - (last.rows - 1) * last.from_step
            to_step = to - last.to_pixel - (last.rows - 1) * last.to_step
            starts = last.rows == 1 and step >= 0
            if starts or (step, to_step) == (last.from_step, last.to_step):
                found[-1] = replace(last, from_step=step, to_step=to_step, rows=last.rows + 1)
                continue
        found.append(Move(source, from_block, pixel, 0, to_block, to, 0, length, 1))
    return found


def move_cycles(machine: Machine, moves: Sequence[Move]) -> int:
    """Return about how many cycles the moves take, loads beside stores."""
    start, hidden = machine.first_beat_cycles, machine.memory.outstanding
    total = 0
    for move in moves:
        row = max(move.columns * machine.word_beats + 3, (start + move.columns) // hidden)
        total += start + _START_CYCLES + move.rows * row
    return total


def emit_moves(
    emitter: Emitter, sources: Sequence[Stored], target: Stored, moves: Sequence[Move], fill: int
) -> None:
    """Emit target's words, each from the source that its move names."""
    most = max((move.rows * move.columns for move in moves), default=1)
    plan = act_plan(emitter.machine, 1, most + 1)
    slots = Slots((*plan.ins, *plan.outs))
    for move in moves:
        words = max(plan.words, 1)
        if move.source == FILL:
            words = _fill_words(words)
        columns = min(words, move.columns)
        rows = max(words // columns, 1)
        for row in range(0, move.rows, rows):
            for column in range(0, move.columns, columns):
                held = min(rows, move.rows - row), min(columns, move.columns - column)
                tile = ActTile(slots.next(), held[1], held[0] * held[1])
                if move.source == FILL:
                    _load_fill(emitter, sources[0], tile.address, held[0] * held[1], fill)
                    tile = replace(tile, address=tile.address + 1)
                else:
                    first = move.from_pixel + row * move.from_step + column
                    stored, step = _in_steps(sources[move.source], move.from_step)
                    patch = Patch(move.from_block, 1, 0, held[0], first, held[1])
                    load_tile(emitter, stored, patch, tile, row_step=step)
                first = move.to_pixel + row * move.to_step + column
                stored, step = _in_steps(target, move.to_step)
                patch = Patch(move.to_block, 1, 0, held[0], first, held[1])
                store_tile(emitter, stored, patch, tile, step)


def _in_steps(stored: Stored, step: int) -> tuple[Stored, int]:
    """Return a tensor as rows of `step` pixels, and how many of these rows a step is."""
    view = replace(stored, height=1, width=max(step, 1), whole_pixels=stored.block_pixels)
    return view, int(step > 0)


def _fill_words(room: int) -> int:
    """Return the words of fill that `room` words hold, behind a pixel that is loaded with them."""
    whole = MOST_PADS + 1
    return max((room // whole * whole if room > whole else room) - 1, 1)


def _load_fill(emitter: Emitter, source: Stored, act: int, words: int, fill: int) -> None:
    """Emit the LD of any pixel and so many words of fill behind it."""
    right = min(MOST_PADS, words)
    below = -(-(words - right) // (right + 1))
    load_tile(
        emitter, source, Patch(0, 1, 0, 1, 0, 1), ActTile(act, right + 1, 0),
        Pads(bottom=below, right=right), fill,
    )  # fmt: skip
