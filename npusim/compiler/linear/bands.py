"""Input tiles in bands: whole rows in each ACT bank, so that a tile is loaded while it is read.

LD may not write a bank that the array reads. A tile whose rows fill bank after bank is loaded band
by band; the outputs that need no later band are computed, and stored, while the next one comes. It
moves the same bytes as a tile that is loaded at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from npusim.isa.fields import STRIDE_MAX
from npusim.machines import Machine

BANDS_WANTED = 5


@dataclass(frozen=True)
class TileLayout:
    """Where an input tile's words lie: strides from row to row and from block to block.

    `band_rows`: rows of a bank; all rows where the tile is one piece.
    """

    row_stride: int
    block_stride: int
    band_rows: int
    banks: int


def whole(machine: Machine, rows: int, columns: int, blocks: int, together: int = 1) -> TileLayout:
    """Return the layout of a tile in one piece, block after block.

    `together`: blocks that the array reads at once.
    """
    stride = apart(rows * columns, together)
    words = stride * blocks
    return TileLayout(columns, stride, rows, -(-words // machine.scratchpads.act_bank_words))


def apart(words: int, together: int) -> int:
    """Return the distance of blocks of so many words: odd where the array reads several at once."""
    return words | 1 if together > 1 else words


def banded(
    machine: Machine,
    rows: int,
    columns: int,
    blocks: int,
    banks: int,
    row_steps: int,
    together: int = 1,
) -> TileLayout:
    """Return the layout in the most bands, up to BANDS_WANTED, that `banks` banks hold.

    Rows begin at multiples of a power of two, so that none lies in two banks. `row_steps`: the most
    rows that a loop of the array steps at once. `together`: as in `whole`.
    """
    bank = machine.scratchpads.act_bank_words
    best = whole(machine, rows, columns, blocks, together)
    band_rows = 1
    block = apart(columns, together)
    while bank // band_rows >= blocks * block:
        used = -(-rows // band_rows)
        stride = bank // band_rows
        is_better = best.band_rows == rows or used > best.banks
        if 1 < used <= min(banks, max(BANDS_WANTED, best.banks)) and is_better:
            if stride * row_steps <= STRIDE_MAX:
                best = TileLayout(stride, block, band_rows, used)
        band_rows *= 2
    return best


def bands(band_rows: int, top: int, inner: int, bottom: int) -> list[tuple[int, int]]:
    """Return (first row, rows) of the bands of a tile; each has at least one row from DRAM."""
    total = top + inner + bottom
    cuts = [0, *range(band_rows, total, band_rows), total]
    kept = [cut for cut in cuts[1:-1] if top < cut < top + inner]
    edges = [0, *kept, total]
    return [(first, end - first) for first, end in pairwise(edges)]


def outputs_ready(band_end: int, span: int, stride: int) -> int:
    """Return how many output rows need no tile row from `band_end` on; each reads `span` rows."""
    return max((band_end - span) // stride + 1, 0)


def joined(ends: list[int], least: int, most: int) -> list[tuple[int, int]]:
    """Return (first, count) of parts of rows that end at some of `ends`.

    No part but the last is shorter than `least`; those longer than `most` are cut evenly.
    """
    total = ends[-1]
    edges = [0]
    for end in ends:
        if end - edges[-1] >= least and (total - end >= least or end == total):
            edges.append(end)
    if edges[-1] != total:
        edges = [*edges[:-1], total] if len(edges) > 1 else [0, total]
    parts = []
    for first, end in pairwise(edges):
        rows = -(-(end - first) // max(-(-(end - first) // most), 1))
        parts += [(row, min(rows, end - row)) for row in range(first, end, rows)]
    return parts
