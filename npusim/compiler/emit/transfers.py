"""Tiles of tensors between DRAM and ACT: one LD or ST for blocks of equal pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import ActTile, Constants, Kept, Stored
from npusim.isa.instructions.ld import MOST_PADS
from npusim.machines import Machine

_MOST_FILLED = 2 * MOST_PADS + 1
"""Rows, and words of a row, that one element and its padding cover."""


@dataclass(frozen=True)
class Patch:
    """Channel blocks `block ..` and the pixels of a rectangle inside a tensor."""

    block: int
    blocks: int
    row: int
    rows: int
    column: int
    columns: int


@dataclass(frozen=True)
class Pads:
    """Words of fill around a patch: above, below, before and after each row."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


NO_PADS = Pads()


def _parts(stored: Stored, patch: Patch) -> list[tuple[int, int, int]]:
    """Return (first block, blocks, element beats): the last block may have smaller pixels."""
    whole, last = stored.size // stored.bus_bytes, stored.blocks - 1
    end = patch.block + patch.blocks
    if end <= last or stored.element_beats(last) == whole:
        return [(patch.block, patch.blocks, whole)]
    parts = [(last, 1, stored.element_beats(last))]
    return [(patch.block, patch.blocks - 1, whole), *parts] if patch.blocks > 1 else parts


def _walk(
    stored: Stored, patch: Patch, pads: Pads, tile: ActTile, step: int
) -> tuple[int, int, int, int]:
    """Return rows, columns, DRAM row step in pixels and ACT row stride; full rows become one."""
    width = patch.columns
    whole_rows = width == stored.row_pixels and step == 1 and tile.row_stride == width
    if pads == NO_PADS and (patch.rows == 1 or (whole_rows and width * patch.rows < 1 << 16)):
        return 1, patch.rows * width, 0, 0
    return patch.rows, width, step * stored.row_pixels, tile.row_stride


@dataclass(frozen=True)
class _Move:
    """One LD or ST of a tile: its registers, the DRAM beats, the ACT words, its fields."""

    registers: dict[str, dict[str, int]]
    dram: tuple[int, int, int]
    words: int
    fields: dict[str, int]


def _moves(
    stored: Stored, patch: Patch, pads: Pads, tile: ActTile, row_step: int
) -> Iterator[_Move]:
    """Yield the LDs, or the STs, of a patch: one for the blocks of equal pixels."""
    assert stored.kept is None, f"{stored.name} is not in DRAM"
    if stored.column_pixels > 1:
        assert pads == NO_PADS, f"{stored.name} has pixels between its columns"
        yield from _pixels_apart(stored, patch, tile, row_step)
        return
    rows, walked, step, row_stride = _walk(stored, patch, pads, tile, row_step)
    for block, blocks, beats in _parts(stored, patch):
        columns = walked
        block_beats = stored.block_pixels * (stored.size // stored.bus_bytes) if blocks > 1 else 0
        first = stored.beat(block, patch.row, patch.column)
        end = first + (blocks - 1) * block_beats + ((rows - 1) * step + columns) * beats
        if block_beats == beats and tile.block_stride == 1 and pads == NO_PADS:
            blocks, columns, block_beats = 1, blocks, 0  # of one pixel each: one segment
        words = (pads.top + rows - 1 + pads.bottom) * row_stride + pads.left + columns + pads.right
        yield _Move(
            {
                "row_stride": {"value": step * beats},
                "block_stride": {"value": block_beats},
                "act_stride": {"row": row_stride, "block": tile.block_stride if blocks > 1 else 0},
                "element": {"beats": beats},
            },
            (stored.spot.region, first, end),
            (blocks - 1) * tile.block_stride + words,
            {
                "offset": first,
                "address": tile.address + (block - patch.block) * tile.block_stride,
                "columns": columns,
                "rows": rows,
                "blocks": blocks,
            },
        )


def _pixels_apart(stored: Stored, patch: Patch, tile: ActTile, row_step: int) -> Iterator[_Move]:
    """Yield the moves of a patch whose columns are apart in DRAM: a row of one pixel for each."""
    rows, columns = patch.rows, patch.columns
    for block in range(patch.block, patch.block + patch.blocks):
        beats = stored.element_beats(block)
        step = stored.column_pixels * beats if columns > 1 else 0
        row = row_step * stored.row_pixels * beats if rows > 1 else 0
        first = stored.beat(block, patch.row, patch.column)
        yield _Move(
            {
                "row_stride": {"value": step},
                "block_stride": {"value": row},
                "act_stride": {
                    "row": int(columns > 1), "block": tile.row_stride if rows > 1 else 0
                },
                "element": {"beats": beats},
            },
            (stored.spot.region, first, first + (rows - 1) * row + (columns - 1) * step + beats),
            (rows - 1) * tile.row_stride + columns,
            {
                "offset": first,
                "address": tile.address + (block - patch.block) * tile.block_stride,
                "columns": 1,
                "rows": columns,
                "blocks": rows,
            },
        )  # fmt: skip


def load_tile(
    emitter: Emitter,
    stored: Stored,
    patch: Patch,
    tile: ActTile,
    pads: Pads = NO_PADS,
    fill: int = 0,
    row_step: int = 1,
) -> None:
    """Emit the LD of a patch; `row_step`: tensor rows from one row of the patch to the next."""
    around = {"top": pads.top, "bottom": pads.bottom, "left": pads.left, "right": pads.right}
    for move in _moves(stored, patch, pads, tile, row_step):
        move.registers["element"]["fill"] = fill & 0xFF
        emitter.configure("LD", **move.registers, pads=around)
        emitter.load(move.dram, "ACT", move.words, **move.fields)


def store_tile(
    emitter: Emitter, stored: Stored, patch: Patch, tile: ActTile, row_step: int = 1
) -> None:
    """Emit the ST of a patch; `row_step` as for `load_tile`."""
    for move in _moves(stored, patch, NO_PADS, tile, row_step):
        emitter.configure("ST", **move.registers)
        emitter.store(move.dram, move.words, **move.fields)


class FillPiece(NamedTuple):
    """Words that one LD fills: `rows` times `columns` neighbours, `step` words from row to row."""

    address: int
    rows: int
    step: int
    columns: int


def fill_pieces(
    machine: Machine, kept: Kept, blocks: int, inner: tuple[int, int]
) -> list[FillPiece]:
    """Return what has to be filled around a tensor of `blocks` blocks.

    `inner`: rows and columns of a sample, which its writer fills. That is what surrounds them, or
    all words where this takes fewer beats and cycles. Each piece reads one beat.
    """
    images = blocks * (kept.block_stride // kept.sample_stride)
    rows = images * kept.sample_stride // kept.row_stride
    everything = _pieces(kept.address, rows, kept.row_stride, kept.row_stride)
    around = _around(kept, images, inner)
    if around is None:
        return everything
    beat = 1 + machine.first_beat_cycles
    cost_around, cost_of_all = (
        sum(beat + piece.rows * piece.columns for piece in pieces)
        for pieces in (around, everything)
    )
    return around if cost_around < cost_of_all else everything


def _around(kept: Kept, images: int, inner: tuple[int, int]) -> list[FillPiece] | None:
    """Return the border of `images` images one behind the other; None where no few LDs write it."""
    stride, image = kept.row_stride, kept.sample_stride
    top, left = kept.top, kept.left
    bottom, right = image // stride - top - inner[0], stride - left - inner[1]
    if max(top, bottom) * stride > _MOST_FILLED or (left and right and not (top and bottom)):
        return None
    first, last = kept.address, kept.address + (top + inner[0]) * stride
    if images == 1 and top == bottom:
        pieces = _pieces(first, 2, last - first, top * stride)
    else:
        pieces = _pieces(first, images, image, top * stride)
        pieces += _pieces(last, images, image, bottom * stride)
    start, rows = first + top * stride, images * image // stride - top - bottom
    if left and right:  # the end of a row and the beginning of the next, from padding to padding
        return pieces + _pieces(start - right, rows + 1, stride, left + right)
    return pieces + _pieces(start + (inner[1] if right else 0), rows, stride, left + right)


def _pieces(address: int, rows: int, step: int, columns: int) -> list[FillPiece]:
    """Return the LDs of rows, of each as many as it may pad."""
    if not columns:
        return []
    return [
        FillPiece(address + first * step, min(_MOST_FILLED, rows - first), step, columns)
        for first in range(0, rows, _MOST_FILLED)
    ]


def load_fill(
    emitter: Emitter, constants: Constants, kept: Kept, blocks: int, inner: tuple[int, int]
) -> None:
    """Emit the LDs that write what surrounds a tensor, whose samples are of `inner` pixels."""
    assert kept.fill is not None
    machine = emitter.machine
    data = bytes([kept.fill & 0xFF]) * machine.size
    first = constants.place_bytes(data) // machine.bus.bus_bytes
    for piece in fill_pieces(machine, kept, blocks, inner):
        above, before = min(piece.rows - 1, MOST_PADS), min(piece.columns - 1, MOST_PADS)
        emitter.configure(
            "LD",
            row_stride={"value": 0},
            block_stride={"value": 0},
            act_stride={"row": piece.step if piece.rows > 1 else 0, "block": 0},
            element={"beats": 1, "fill": kept.fill & 0xFF},
            pads={
                "top": above, "bottom": piece.rows - 1 - above,
                "left": before, "right": piece.columns - 1 - before,
            },
        )  # fmt: skip
        emitter.load(
            (0, first, first + 1), "ACT", (piece.rows - 1) * piece.step + piece.columns,
            offset=first, address=piece.address, columns=1, rows=1, blocks=1,
        )  # fmt: skip


def load_constant(
    emitter: Emitter, target: str, offset_bytes: int, words: int, address: int
) -> None:
    """Emit the LD of whole words of constants into ACT (plain), WGT or PAR."""
    machine = emitter.machine
    word_bytes = machine.size * (4 if target == "PAR" else 1)
    first = offset_bytes // machine.bus.bus_bytes
    end = first + words * word_bytes // machine.bus.bus_bytes
    plain = {"plain": 1} if target == "ACT" else {}
    emitter.load(
        (0, first, end), target, words, offset=first, address=address, columns=words, rows=1,
        blocks=1, **plain,
    )  # fmt: skip
