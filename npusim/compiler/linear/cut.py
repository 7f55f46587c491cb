"""The pieces that a tiling cuts a linear layer into: areas of outputs, chunks of the reduction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from npusim.compiler.linear.candidates import LinearShape
from npusim.compiler.linear.layer import (
    LinearLayer,
    first_in_block,
    input_span,
    weight_words,
)
from npusim.compiler.linear.pieces import LAUNCH_CYCLES
from npusim.compiler.linear.tiling import Tiling
from npusim.isa.spec import MAC_LOAD_CYCLES
from npusim.machines import Machine


@dataclass(frozen=True)
class Chunk:
    """A part of the reduction: input blocks, kernel rows, taps of a row."""

    cb: int
    ncb: int
    kh: int
    nkh: int
    kw: int
    nkw: int


@dataclass(frozen=True)
class Area:
    """A rectangle of one sample's outputs."""

    sample: int
    row: int
    rows: int
    column: int
    columns: int


class UsedChunk(NamedTuple):
    """A chunk of the reduction that an area needs; `rows`, `columns` as input_span gives them."""

    place: int
    chunk: Chunk
    rows: tuple[int, int, int, int]
    columns: tuple[int, int, int, int]


@dataclass(frozen=True)
class Piece:
    """Output blocks ob + first .. ob + first + count - 1 of a part that has `obs` from `ob` on."""

    part: Area
    ob: int
    obs: int
    first: int
    count: int

    @property
    def words(self) -> int:
        """Accumulators of a plane."""
        return self.part.rows * self.part.columns * self.count


def used_chunks(of: list[Chunk], area: Area, shape: LinearShape) -> list[UsedChunk]:
    """Return those of the chunks `of` an area's output group that do not meet padding alone."""
    found = []
    for index, chunk in enumerate(of):
        rows = input_span(area.row, area.rows, chunk.kh, chunk.nkh, shape, 0)
        columns = input_span(area.column, area.columns, chunk.kw, chunk.nkw, shape, 1)
        if rows is not None and columns is not None:
            found.append(UsedChunk(index, chunk, rows, columns))
    return found


def pieces(part: Area, ob: int, obs: int, each: int) -> list[Piece]:
    """Return the pieces of a part of `obs` output blocks from `ob` on, `each` of them in one."""
    return [Piece(part, ob, obs, first, min(each, obs - first)) for first in range(0, obs, each)]


def chunks(layer: LinearLayer, shape: LinearShape, t: Tiling, ob: int) -> list[Chunk]:
    """Return the chunks of the output group that begins at block `ob`."""
    first = first_in_block(layer, layer.target.size, ob)
    kh, kw = shape.kernel
    return [
        Chunk(
            first + cb, min(t.gcb, shape.in_blocks - cb), h, min(t.gkh, kh - h), w,
            min(t.gkw, kw - w),
        )
        for cb in range(0, shape.in_blocks, t.gcb)
        for h in range(0, kh, t.gkh)
        for w in range(0, kw, t.gkw)
    ]  # fmt: skip


def areas(outputs: tuple[int, int], th: int, tw: int, samples: int) -> Iterator[Area]:
    """Return the areas of TH x TW outputs, row-major, sample after sample."""
    for sample in range(samples):
        for row in range(0, outputs[0], th):
            for column in range(0, outputs[1], tw):
                rows, columns = min(th, outputs[0] - row), min(tw, outputs[1] - column)
                yield Area(sample, row, rows, column, columns)


def groups(shape: LinearShape, t: Tiling) -> list[tuple[int, int]]:
    """Return (first block, blocks) of the output groups, the last of them in `last_parts`."""
    found = [(ob, min(t.gob, shape.out_blocks - ob)) for ob in range(0, shape.out_blocks, t.gob)]
    last, blocks = found.pop()
    each = -(-blocks // t.last_parts)
    parts = [(last + ob, min(each, blocks - ob)) for ob in range(0, blocks, each)]
    return [*found, *parts]


def quick_end(layer: LinearLayer, shape: LinearShape, t: Tiling, machine: Machine) -> Tiling:
    """Return `t` for a layer behind which nothing is loaded, its last group in the best parts.

    Weights that come as slowly as the array uses them are multiplied while the next ones come,
    except the last. Each part costs the start of a load.
    """
    is_one = shape.samples == 1 and (t.th, t.tw) == shape.outputs
    load = shape.rows + MAC_LOAD_CYCLES
    if t.wgt_resident or not is_one or len(chunks(layer, shape, t, 0)) > 1:
        return t
    if max(t.th * t.tw, load) > shape.tile_words * machine.word_beats:
        return t
    blocks = (shape.out_blocks - 1) % t.gob + 1
    start = machine.first_beat_cycles + LAUNCH_CYCLES

    def cost(parts: int) -> int:
        each = -(-blocks // parts)
        last = (blocks - 1) % each + 1
        return (-(-blocks // each) - 1) * start + last * weight_words(
            shape, 1
        ) // shape.tile_words * load

    return replace(t, last_parts=min(range(1, blocks + 1), key=cost))


def weight_parts(t: Tiling, obs: int) -> list[tuple[int, int]]:
    """Return (first block, blocks) of what comes to WGT at once of a group of `obs` blocks."""
    return [(first, min(t.wgt_blocks, obs - first)) for first in range(0, obs, t.wgt_blocks)]


def weight_pieces(t: Tiling, piece: Piece) -> list[Piece]:
    """Return a piece as those whose weights come at once, each with weights of its own."""
    if piece.obs <= t.wgt_blocks:
        return [piece]
    return [
        Piece(piece.part, piece.ob + first, count, 0, count)
        for first, count in weight_parts(t, piece.obs)
    ]
