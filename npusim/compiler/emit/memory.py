"""DRAM of a program: constants with their bytes, and tensors that share space over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from npusim.isa.layout import element_bytes, tensor_bytes
from npusim.isa.program import PAGE_BYTES
from npusim.machines import Machine

CONSTANTS, TENSORS = 0, 1
"""Region numbers."""
ALIGNMENT_BYTES = 64


@dataclass(frozen=True)
class ActTile:
    """Where a tile lies in ACT: its first word, strides from row to row and block to block."""

    address: int
    row_stride: int
    block_stride: int


@dataclass(frozen=True)
class Border:
    """Pixels around a tensor that its readers see, and their value."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    fill: int | None = None


@dataclass(frozen=True)
class Kept:
    """Where a whole tensor lies in ACT, with words of its zero point around each block."""

    address: int
    row_stride: int
    block_stride: int
    sample_stride: int
    top: int
    left: int
    fill: int | None
    """What surrounds each sample; None where nothing does."""

    def part_from(self, row: int, column: int) -> Kept:
        """Return the same, rows and columns counted from those on."""
        return replace(self, address=self.address + row * self.row_stride + column)

    def tile(self, block: int, row: int, column: int, sample: int = 0) -> ActTile:
        """Return where the pixels from (row, column) on lie; before 0 is what surrounds them."""
        first = self.address + block * self.block_stride + sample * self.sample_stride
        first += (self.top + row) * self.row_stride + self.left + column
        return ActTile(first, self.row_stride, self.block_stride)


@dataclass(eq=False)
class Spot:
    """The place of a tensor under all its names, known when the instructions are emitted."""

    region: int
    offset_bytes: int = 0
    kept: Kept | None = None
    """In ACT alone, from its writer to its last reader: it has no place in DRAM."""


@dataclass(frozen=True)
class Stored:
    """A tensor of 8-bit values as channel blocks (isa/layout.py), in DRAM unless it is kept.

    The samples of a batch lie one below the other, as the rows of one image.
    """

    name: str
    height: int
    width: int
    channels: int
    unsigned: bool
    size: int
    bus_bytes: int
    spot: Spot
    first_pixel: int = 0
    """Where it is a part of a tensor: the first of its pixels there."""
    whole_pixels: int | None = None
    """Pixels of a block of that tensor."""
    steps: tuple[int, int] | None = None
    """Pixels of that tensor from row to row and from column to column; None where it has the same
    rows."""

    def sample(self, number: int, samples: int) -> Stored:
        """Return sample `number` of `samples`, which are rows, or else columns, one a sample."""
        height, width = self.height // samples, self.width
        if self.height % samples:
            height, width = 1, self.pixels // samples
        return self._part(number * height * width, height, width)

    def _part(self, first: int, height: int, width: int) -> Stored:
        """Return the image whose first pixel is number `first` of this one's."""
        first += self.first_pixel
        return replace(
            self, height=height, width=width, first_pixel=first, whole_pixels=self.block_pixels
        )

    def every(self, first: tuple[int, int], steps: tuple[int, int]) -> Stored:
        """Return every so many rows and columns, from row and column `first` on."""
        rows, columns = (
            -(-(extent - start) // step)
            for extent, start, step in zip(
                (self.height, self.width), first, steps, strict=True
            )
        )  # fmt: skip
        part = self._part(first[0] * self.width + first[1], rows, columns)
        return replace(part, steps=(steps[0] * self.width, steps[1]))

    @property
    def row_pixels(self) -> int:
        """Pixels from row to row."""
        return self.width if self.steps is None else self.steps[0]

    @property
    def column_pixels(self) -> int:
        """Pixels from column to column."""
        return 1 if self.steps is None else self.steps[1]

    @property
    def block_pixels(self) -> int:
        """Pixels from block to block."""
        return self.pixels if self.whole_pixels is None else self.whole_pixels

    @property
    def kept(self) -> Kept | None:
        """Where it lies in ACT, if it never leaves the chip."""
        return self.spot.kept

    @property
    def blocks(self) -> int:
        """Channel blocks."""
        return -(-self.channels // self.size)

    @property
    def pixels(self) -> int:
        """Pixels of a block."""
        return self.height * self.width

    def element_beats(self, block: int) -> int:
        """Return the beats of one pixel in `block`."""
        return element_bytes(self.channels, block, self.size, self.bus_bytes) // self.bus_bytes

    @property
    def pixel_beats(self) -> int:
        """Beats of one pixel in all blocks."""
        last = self.blocks - 1
        return last * self.element_beats(0) + self.element_beats(last)

    def beat(self, block: int, row: int, column: int) -> int:
        """Return the first beat of a pixel, from the region's base."""
        whole = self.size // self.bus_bytes
        pixel = self.first_pixel + row * self.row_pixels + column * self.column_pixels
        inside = block * self.block_pixels * whole + pixel * self.element_beats(block)
        return self.spot.offset_bytes // self.bus_bytes + inside

    @property
    def bytes(self) -> int:
        """Bytes of DRAM."""
        return tensor_bytes(self.height, self.width, self.channels, self.size, self.bus_bytes)

    def part(self, rows: tuple[int, int], columns: tuple[int, int]) -> Stored:
        """Return rows and columns of it, (first, count) of each, in DRAM or in ACT."""
        first = rows[0] * self.row_pixels + columns[0] * self.column_pixels
        found = self._part(first, rows[1], columns[1])
        if columns[1] < self.width:
            found = replace(found, steps=(self.row_pixels, self.column_pixels))
        if self.kept is None:
            return found
        return replace(found, spot=Spot(TENSORS, 0, self.kept.part_from(rows[0], columns[0])))


@dataclass
class Constants:
    """The region of constants: space is given at once, bytes are made when they are asked for."""

    machine: Machine
    size_bytes: int = 0
    parts: list[tuple[int, Callable[[], bytes]]] = field(default_factory=list)

    def place_bytes(self, data: bytes) -> int:
        """Return the offset in bytes of `data`."""
        return self.place(len(data), lambda: data)

    def place(self, count_bytes: int, make: Callable[[], bytes]) -> int:
        """Return the offset in bytes of `count_bytes` bytes that `make` returns."""
        offset = self.size_bytes
        self.size_bytes += -(-count_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        self.parts.append((offset, make))
        return offset

    def image(self) -> bytes:
        """Return the bytes of the region."""
        image = bytearray(self.size_bytes)
        for offset, make in self.parts:
            data = make()
            image[offset : offset + len(data)] = data
        return bytes(image)


@dataclass
class Arena:
    """The region of tensors: first fit among those that live at the same time."""

    size_bytes: int = PAGE_BYTES
    live: list[tuple[int, int]] = field(default_factory=list)

    def place(self, count_bytes: int) -> int:
        """Return the offset of free space for `count_bytes` bytes and take it."""
        needed = max(-(-count_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES, ALIGNMENT_BYTES)
        offset = 0
        for first, end in sorted(self.live):
            if first - offset >= needed:
                break
            offset = max(offset, end)
        self.live.append((offset, offset + needed))
        self.size_bytes = max(self.size_bytes, offset + needed)
        return offset

    def free(self, offset: int) -> None:
        """Give back what `place` returned as `offset`."""
        self.live = [part for part in self.live if part[0] != offset]
