"""Tiles that a linear layer may be cut into: every combination of sizes, as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from npusim.isa.fields import COUNT_MAX, STRIDE_MAX
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.machines import Machine

Count = TypeVar("Count", int, NDArray[np.int64])


@dataclass(frozen=True)
class LinearShape:
    """What the search needs to know of a layer; lengths in pixels, blocks and words.

    `outputs` and `inputs` are rows and columns of each of the samples.
    `slices`: weight tiles of a channel block of inputs, or `words`: channel blocks of a weight
    tile; `in_tiles` of all `in_blocks`: the last one may have fewer. `tile_words`: WGT words of one
    weight tile over all `code_planes`; `sum_planes`: accumulator planes. Depthwise: an output block
    reads its own input block; a weight tile covers `row_taps` taps of each of `kernel_rows` kernel
    rows, several of them in a window of at most `line_words` columns.
    """

    samples: int
    outputs: tuple[int, int]
    inputs: tuple[int, int]
    out_blocks: int
    in_blocks: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    rows: int
    kernel_rows: int
    row_taps: int
    line_words: int
    tile_words: int
    code_planes: int
    sum_planes: int
    terms: int
    depthwise: bool
    one_block: bool
    """One output block a tile: its input blocks are its own (groups)."""
    in_pixel_beats: int
    out_pixel_beats: int
    source_blocks: int
    lanes_per_requantizer: int = 1
    """So many times EP walks over the terms of a tile's words."""
    residual: bool = False
    """A tile of another tensor, as large as the outputs, is added."""
    add_words: int = 0
    """PAR words of that addition, beside each page."""
    act_banks: int = 0
    """Banks of ACT for the layer's buffers."""
    keeps_source: bool = False
    """The input lies whole in other banks, and is read there."""
    keeps_target: bool = False
    """The outputs are written to other banks, and stay there."""
    slices: int = 1
    words: int = 1
    in_tiles: int = 1
    residual_strides: tuple[int, int] | None = None
    """The added tensor lies whole in other banks: words from row to row, from block to block."""

    @property
    def is_window(self) -> bool:
        """Whether the array multiplies several rows of pixels at once."""
        return self.kernel_rows > 1

    def tiles(self, blocks: Count) -> Count:
        """Return the weight tiles, at most, of `blocks` input blocks for each tap."""
        found: Count = np.minimum(-(-blocks * self.slices // self.words), self.in_tiles)
        return found

    def rows_read(self, outputs: Count, taps: Count) -> Count:
        """Return the rows of pixels that the array reads for each weight tile."""
        return (outputs - 1) * self.stride[0] + taps if self.is_window else outputs


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


def chunks_of_blocks(blocks: int, words: int) -> list[int]:
    """Return numbers of blocks that a chunk may have: all, or whole weight tiles of `words`."""
    return [min(tiles * words, blocks) for tiles in halves(-(-blocks // words))]


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
class Tiles:
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

    def chosen(self, which: NDArray) -> Tiles:
        """Return some of the candidates."""
        return Tiles(*(getattr(self, field.name)[which] for field in fields(self)))


def candidates(shape: LinearShape, machine: Machine) -> Tiles:
    """Return the tiles whose weights and accumulators fit."""
    kh, kw = shape.kernel
    sizes = (
        cuts(shape.outputs[0]),
        halves(shape.outputs[1]),
        [1] if shape.one_block else cuts(shape.out_blocks),
        [1] if shape.depthwise else chunks_of_blocks(shape.in_blocks, shape.words),
        [kh] if shape.is_window else cuts(kh) if kh <= 4 else [kh, 1],
        [kw] if shape.row_taps > 1 else sorted({kw, 1}, reverse=True),
    )
    places = np.indices([len(choices) for choices in sizes]).reshape(len(sizes), -1)
    columns = [np.array(choices, np.int64)[i] for choices, i in zip(sizes, places, strict=True)]
    walked = []
    for axis, row_taps in ((0, shape.kernel_rows), (1, shape.row_taps)):
        of_axis = (
            shape.outputs[axis], shape.inputs[axis], shape.kernel[axis], shape.stride[axis],
            shape.dilation[axis], shape.padding[axis],
        )  # fmt: skip
        counts = [[_walked(*of_axis, s, t, row_taps) for t in sizes[axis + 4]] for s in sizes[axis]]
        walked.append(np.array(counts)[places[axis], places[axis + 4]].T)
    times = np.array([shape.samples, shape.samples, 1])[:, None]
    tiles = Tiles(*columns, *(walked[0] * walked[1] * times))
    pads = machine.scratchpads
    pixels = tiles.th * tiles.tw
    weights = tiles.gob * shape.tiles(tiles.gcb) * passes(shape, tiles) * shape.tile_words
    fits = weights <= machine.wgt_words
    fits &= pixels * tiles.gob * shape.sum_planes <= min(pads.acc_words, COUNT_MAX)
    fits &= tiles.gob * (PAR_HEADER_WORDS + shape.terms) + shape.add_words <= machine.par_words
    fits &= (pixels <= STRIDE_MAX) & (act_words(shape, tiles) <= machine.act_words)
    fits &= between_words(shape, tiles) <= machine.act_words
    if shape.is_window:
        fits &= span(shape, tiles, 1) <= shape.line_words
    return tiles.chosen(fits)


def passes(shape: LinearShape, tiles: Tiles) -> NDArray[np.int64]:
    """Return the weight tiles of the taps of a slice of an input block."""
    return -(-tiles.gkh // shape.kernel_rows) * -(-tiles.gkw // shape.row_taps)


def span(shape: LinearShape, tiles: Tiles, axis: int) -> NDArray[np.int64]:
    """Return the input pixels of a tile along an axis."""
    outputs = (tiles.th, tiles.tw)[axis]
    taps = (tiles.gkh, tiles.gkw)[axis]
    return (outputs - 1) * shape.stride[axis] + (taps - 1) * shape.dilation[axis] + 1


def act_words(shape: LinearShape, tiles: Tiles) -> NDArray[np.int64]:
    """Return the ACT words of an input tile; more than any ACT where a stride would overflow."""
    if shape.keeps_source:
        return np.zeros_like(tiles.th)
    block = span(shape, tiles, 0) * span(shape, tiles, 1)
    blocks = tiles.gob if shape.depthwise else tiles.gcb
    apart = block | 1 if shape.words > 1 else block
    return np.where(apart <= STRIDE_MAX, blocks * apart, 1 << 30)


def between_words(shape: LinearShape, tiles: Tiles) -> NDArray[np.int64]:
    """Return the ACT words of a tile before its addition, which lies as the added one does."""
    if not shape.residual:
        return np.zeros_like(tiles.th)
    if shape.residual_strides is None:
        return tiles.gob * tiles.th * tiles.tw
    row, block = shape.residual_strides
    return (tiles.gob - 1) * block + (tiles.th - 1) * row + tiles.tw
