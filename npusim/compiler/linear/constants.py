"""Weights and parameters of a linear layer: where they lie in DRAM, and when they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from npusim.compiler.emit.elementwise import uniform_parameters
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import Constants
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import load_constant
from npusim.compiler.linear.candidates import LinearShape
from npusim.compiler.linear.cut import Chunk, areas, chunks, groups, weight_parts
from npusim.compiler.linear.layer import (
    LinearLayer,
    ceil_divide,
    first_in_block,
    input_span,
    place_parameters,
    tiles_of,
    weight_tiles,
)
from npusim.compiler.linear.tiling import Tiling
from npusim.isa.layout import pack_weight_tiles
from npusim.isa.scratchpads import bank_words
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.runtimes.requantization import Requantization


@dataclass(frozen=True)
class Room:
    """Where constants of a layer stay while several layers take turns.

    `groups`: the output groups, (first block, blocks), that its tiles will ask for. `wgt`: where
    all weights stay; None where chunks come to `slots`, which other layers use as well. `par`:
    where all parameters stay, or where those of one group after the other come.
    """

    groups: list[tuple[int, int]]
    wgt: int | None
    slots: list[int]
    par: tuple[int, ...]

    @property
    def has_pages(self) -> bool:
        """Whether parameters come group by group."""
        return len(self.par) > 1


class LayerConstants:
    """The weights and parameters of one layer in WGT and PAR.

    Weights that fit are loaded once, bank by bank, the others chunk by chunk; parameters come
    in pages. All take the banks that were used the longest ago, so that they are there before the
    layer before has ended. With a `room` they are loaded there.
    """

    def __init__(
        self,
        emitter: Emitter,
        constants: Constants,
        layer: LinearLayer,
        shape: LinearShape,
        tiling: Tiling,
        room: Room | None = None,
    ) -> None:
        self.emitter, self.layer, self.shape, self.tiling = emitter, layer, shape, tiling
        self.machine, self.room = emitter.machine, room
        self._order, self._places = self._weight_places()
        words = sum(count for _, count in self._places.values())
        self._offset = constants.place(words * self.machine.size, self._weight_bytes)
        self._parameter_offset = place_parameters(constants, layer)
        self._add_offset = self._place_addition(constants)
        self._pieces = self._resident_pieces() if tiling.wgt_resident else []
        self._loaded: set[int] = set()
        slots = emitter.oldest_first("WGT", tiling.wgt_slots, tiling.wgt_slot_words)
        self._chunks = Slots(slots if room is None else room.slots)
        pages = emitter.oldest_first("PAR", tiling.par_slots, tiling.par_slot_words)
        self._pages = Slots(pages if room is None else room.par)

    def load_room(self) -> None:
        """Load what stays in its room."""
        for piece in self._pieces:
            self._load_piece(piece)
        if self.room is not None and not self.room.has_pages:
            self.parameters(0)

    def forget(self) -> None:
        """Another layer has used the slots for chunks."""
        self._chunks = Slots(self._chunks.addresses)

    def weights(self, ob: int, index: int) -> int:
        """Load chunk number `index` for the output blocks from `ob` on; return its first word."""
        first, words = self._places[ob, index]
        if not self._pieces:
            address, fresh = self._chunks.find((ob, index))
            if fresh:
                self._load(first, words, address)
            return address
        touched = [p for p in self._pieces if p[0] < first + words and first < p[0] + p[1]]
        for piece in touched:
            self._load_piece(piece)
        begin, _, address = touched[0]
        return address + first - begin

    def _load_piece(self, piece: tuple[int, int, int]) -> None:
        if piece[0] not in self._loaded:
            self._load(*piece)
            self._loaded.add(piece[0])

    def _load(self, first: int, words: int, address: int) -> None:
        offset = self._offset + first * self.machine.size
        load_constant(self.emitter, "WGT", offset, words, address)

    def _resident_pieces(self) -> list[tuple[int, int, int]]:
        """Return the pieces that are loaded at once: first word among the weights, words, address.

        A piece is what one bank holds of whole chunks, so that the next piece may come while the
        array reads this one; where the banks do not hold them all so, chunks lie across banks.
        """
        total = sum(count for _, count in self._places.values())
        bank = bank_words(self.machine, "WGT")
        if self.room is not None:
            assert self.room.wgt is not None
            return _by_banks(total, self.room.wgt, bank)
        starts, used = [0], 0
        for first, words in self._places.values():
            if used + words > bank and used:
                starts.append(first)
                used = 0
            used += words
        lengths = [end - first for first, end in pairwise([*starts, total])]
        banks = [ceil_divide(words, bank) for words in lengths]
        if sum(banks) <= self.machine.scratchpads.wgt_banks:
            addresses = self.emitter.take_banks("WGT", banks)
            return list(zip(starts, lengths, addresses, strict=True))
        (address,) = self.emitter.take_banks("WGT", [ceil_divide(total, bank)])
        return _by_banks(total, address, bank)

    def parameters(self, ob: int) -> int:
        """Load the page that holds output block `ob`; return the block's first word in PAR."""
        page, (first, blocks) = self.tiling.par_page_blocks, self._page(ob)
        address, fresh = self._pages.find(first)
        words = PAR_HEADER_WORDS + self.layer.terms.count
        if fresh:
            offset = self._parameter_offset + first * words * 4 * self.machine.size
            load_constant(self.emitter, "PAR", offset, blocks * words, address)
            if self.shape.add_words:
                load_constant(
                    self.emitter, "PAR", self._add_offset, self.shape.add_words,
                    address + page * words,
                )  # fmt: skip
        return address + (ob - first) * words

    def _page(self, ob: int) -> tuple[int, int]:
        """Return first block and blocks of the page that holds output block `ob`."""
        if self.room is not None and self.room.has_pages:
            return ob, dict(self.room.groups)[ob]
        page = self.tiling.par_page_blocks
        first = ob // page * page
        return first, min(page, self.shape.out_blocks - first)

    def addition(self, ob: int) -> int:
        """Return the first PAR word of the residual's addition, beside the page of block `ob`."""
        address, _ = self._pages.find(self._page(ob)[0])
        words = PAR_HEADER_WORDS + self.layer.terms.count
        return address + self.tiling.par_page_blocks * words

    def _place_addition(self, constants: Constants) -> int:
        residual = self.layer.residual
        if residual is None or not isinstance(residual.function, Requantization):
            return 0
        return constants.place_bytes(uniform_parameters(residual.function, self.machine.size))

    def _weight_places(
        self,
    ) -> tuple[list[tuple[int, int, Chunk]], dict[tuple[int, int], tuple[int, int]]]:
        """Return the chunks in the order of the tiles, and the first word and words of each.

        Those that no tile multiplies by are left out: they meet padding alone.
        """
        shape = self.shape
        used = self._used()
        order: list[tuple[int, int, Chunk]] = []
        places: dict[tuple[int, int], tuple[int, int]] = {}
        words = 0
        obs_of = groups(shape, self.tiling) if self.room is None else self.room.groups
        for ob, obs in obs_of:
            for index, chunk in enumerate(chunks(self.layer, shape, self.tiling, ob)):
                if index not in used:
                    continue
                each = tiles_of(self.layer, self.machine, chunk.cb, chunk.ncb) * shape.tile_words
                each *= ceil_divide(chunk.nkh, shape.kernel_rows)
                each *= ceil_divide(chunk.nkw, shape.row_taps)
                for first, count in weight_parts(self.tiling, obs):
                    places[ob + first, index] = (words, count * each)
                    words += count * each
                    order.append((ob + first, count, chunk))
        return order, places

    def _used(self) -> set[int]:
        """Return the chunks that a tile multiplies by; a tile of padding alone takes the first."""
        t, used = self.tiling, set[int]()
        if self.room is not None:  # other bands of rows may meet other taps
            return set(range(len(chunks(self.layer, self.shape, t, 0))))
        for area in areas(self.shape.outputs, t.th, t.tw, 1):
            met = {
                index
                for index, chunk in enumerate(chunks(self.layer, self.shape, t, 0))
                if input_span(area.row, area.rows, chunk.kh, chunk.nkh, self.shape, 0)
                and input_span(area.column, area.columns, chunk.kw, chunk.nkw, self.shape, 1)
            }
            used |= met or {0}
        return used

    def _weight_bytes(self) -> bytes:
        planes = self.layer.terms.planes
        rows = self.machine.rows
        tiles = [weight_tiles(self.layer, self.shape, plane, rows) for plane in planes]
        parts = []
        for ob, obs, chunk in self._order:
            cb = chunk.cb - first_in_block(self.layer, self.machine.size, ob)
            first = cb * self.shape.slices // self.shape.words
            last = first + tiles_of(self.layer, self.machine, chunk.cb, chunk.ncb)
            taps = slice(chunk.kw, chunk.kw + chunk.nkw)
            if self.shape.row_taps > 1:
                taps = slice(0, 1)
            kernel_rows = slice(chunk.kh, chunk.kh + chunk.nkh)
            if self.shape.is_window:
                kernel_rows = slice(0, 1)
            for plane, values in zip(planes, tiles, strict=True):
                part = values[ob : ob + obs, first:last, kernel_rows, taps]
                rows, size = part.shape[-2:]
                parts.append(pack_weight_tiles(part.reshape(-1, rows, size), plane.code_bits))
        return b"".join(parts)


def _by_banks(words: int, address: int, bank: int) -> list[tuple[int, int, int]]:
    """Return first word, words and address of what each bank holds of `words` from `address` on."""
    cuts = [address, *range((address // bank + 1) * bank, address + words, bank), address + words]
    return [(first - address, end - first, first) for first, end in pairwise(cuts)]
