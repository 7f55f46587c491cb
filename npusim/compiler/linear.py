"""Convolution, depthwise convolution and fully connected layers: LD, MAC, RQ, ST of each tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from npusim.compiler.emit import Emitter
from npusim.compiler.linear_layer import (
    LinearLayer,
    ceil_divide,
    choose_tiling,
    first_in_block,
    input_span,
    place_parameters,
    tile_words_of,
    weight_tiles,
)
from npusim.compiler.memory import Constants, pack_tiles
from npusim.compiler.planes import format_code
from npusim.compiler.slots import Slots
from npusim.compiler.transfers import (
    ActTile,
    Pads,
    Patch,
    load_constant,
    load_tile,
    store_tile,
)
from npusim.isa.legal import bank_words
from npusim.isa.spec import PAR_HEADER_WORDS, ROUNDINGS

PARTS_WANTED = 4
"""Of a layer of few tiles, so that stores run beside the array."""
SMALLEST_PART_PIXELS = 64


@dataclass(frozen=True)
class _Chunk:
    """A part of the reduction: input blocks, kernel rows, taps of a row."""

    cb: int
    ncb: int
    kh: int
    nkh: int
    kw: int
    nkw: int


@dataclass(frozen=True)
class _Area:
    """A rectangle of outputs."""

    row: int
    rows: int
    column: int
    columns: int


def emit_linear(emitter: Emitter, constants: Constants, layer: LinearLayer) -> None:
    """Emit the instructions of `layer` and place its constants.

    Raises
    ------
    CapacityError
        One minimal tile does not fit the machine.
    """
    _Lowering(emitter, constants, layer).run()


class _Lowering:
    """The loops over the tiles of one layer."""

    def __init__(self, emitter: Emitter, constants: Constants, layer: LinearLayer) -> None:
        self.emitter, self.constants, self.layer = emitter, constants, layer
        self.machine = emitter.machine
        self.shape, self.tiling = choose_tiling(layer, self.machine)
        t = self.tiling
        self.in_row = (t.tw - 1) * self.shape.stride[1] + (t.gkw - 1) * self.shape.dilation[1] + 1
        in_rows = (t.th - 1) * self.shape.stride[0] + (t.gkh - 1) * self.shape.dilation[0] + 1
        self.in_block = self.in_row * in_rows
        pads = self.machine.scratchpads
        act_words = t.out_base + t.out_slots * t.out_slot_words
        base = emitter.oldest_banks("ACT", act_words // pads.act_bank_words)
        self.act = Slots([base + i * t.act_slot_words for i in range(t.act_slots)])
        self.out = Slots([base + t.out_base + i * t.out_slot_words for i in range(t.out_slots)])
        self.par = Slots(self._oldest_first("PAR", t.par_slots, t.par_slot_words))
        self.weight_offset, self.weight_places = self._place_weights()
        words = max(first + count for first, count in self.weight_places.values())
        banks = ceil_divide(words, pads.wgt_bank_words)
        self.resident = emitter.oldest_banks("WGT", banks) if t.wgt_resident else 0
        self.loaded = 0
        """Words of the resident weights that are in WGT."""
        self.wgt = Slots(self._oldest_first("WGT", t.wgt_slots, t.wgt_slot_words))
        self.par_offset = place_parameters(constants, layer, self.shape)

    def run(self) -> None:
        """Emit all tiles in the order that the tiling chose."""
        t = self.tiling
        areas = list(_areas(self.shape.outputs, t.th, t.tw))
        groups = [
            (ob, min(t.gob, self.shape.out_blocks - ob))
            for ob in range(0, self.shape.out_blocks, t.gob)
        ]
        if t.weights_outer:
            pairs = [(area, group) for group in groups for area in areas]
        else:
            pairs = [(area, group) for area in areas for group in groups]
        parts = max(PARTS_WANTED // len(pairs), 1)
        for area, (ob, obs) in pairs:
            for part in self._parts(area, ob, parts):
                self._tile(area, part, ob, obs)

    def _parts(self, area: _Area, ob: int, wanted: int) -> list[_Area]:
        """Cut a loaded area into parts that are stored while the next is computed."""
        if len(self._chunks(ob)) > 1:
            return [area]  # each part would load the chunks again
        pixels = area.rows * area.columns
        count = max(min(wanted, area.rows, pixels // SMALLEST_PART_PIXELS), 1)
        rows = ceil_divide(area.rows, count)
        end = area.row + area.rows
        return [
            replace(area, row=row, rows=min(rows, end - row)) for row in range(area.row, end, rows)
        ]

    def _chunks(self, ob: int) -> list[_Chunk]:
        t, shape = self.tiling, self.shape
        first = first_in_block(self.layer, self.machine.size, ob)
        kh, kw = shape.kernel
        return [
            _Chunk(
                first + cb, min(t.gcb, shape.in_blocks - cb),
                h, min(t.gkh, kh - h), w, min(t.gkw, kw - w),
            )
            for cb in range(0, shape.in_blocks, t.gcb)
            for h in range(0, kh, t.gkh)
            for w in range(0, kw, t.gkw)
        ]  # fmt: skip

    def _tile(self, area: _Area, part: _Area, ob: int, obs: int) -> None:
        """Emit `part` of an area whose inputs are loaded at once."""
        t, emitter = self.tiling, self.emitter
        pixels = part.rows * part.columns
        skipped = (part.row - area.row) * self.shape.stride[0] * self.in_row
        plane_words = t.gob * t.th * t.tw
        par = self._parameters(ob)
        started = False
        for place, chunk in enumerate(self._chunks(ob)):
            rows = input_span(area.row, area.rows, chunk.kh, chunk.nkh, self.shape, 0)
            columns = input_span(area.column, area.columns, chunk.kw, chunk.nkw, self.shape, 1)
            if rows is None or columns is None:
                continue
            # Constants first: they need not wait for the layer before to be stored.
            wgt = self._weights(ob, place)
            act = self._activations(area, chunk, (ob, obs), rows, columns)
            self._multiply(part, ob, obs, wgt, chunk, act + skipped, started)
            started = True
        if not started:
            self._nothing(part, ob, obs)
        out = self.out.next()
        terms = self.layer.terms.count
        block = t.th * t.tw
        emitter.configure("EX", **self._epilogue_registers(obs, pixels, block, plane_words))
        emitter.execute(
            "RQ",
            pwlq=int(bool(self.layer.terms.pwlq_bits)),
            acc=0,
            out=out,
            par=par,
            write_banks=emitter.banks("ACT", out, out + (obs - 1) * block + pixels),
            par_banks=emitter.banks("PAR", par, par + obs * (PAR_HEADER_WORDS + terms)),
        )
        store_tile(
            emitter,
            self.layer.target,
            Patch(ob, obs, part.row, part.rows, part.column, part.columns),
            ActTile(out, part.columns, block),
        )

    def _epilogue_registers(
        self, obs: int, pixels: int, block: int, plane_words: int
    ) -> dict[str, dict[str, int]]:
        layer = self.layer
        return {
            "vec_kx": {"count": layer.terms.count, "stride": 0},
            "vec_x": {"count": pixels, "stride": 0},
            "vec_y": {"count": 1, "stride": 0},
            "vec_b": {"count": obs, "stride": 0},
            "vec_kx_out": {"out": 0, "acc": 0 if layer.terms.shared else plane_words},
            "vec_x_out": {"out": 1, "acc": 1},
            "vec_y_out": {"out": 0, "acc": 0},
            "vec_b_out": {"out": block, "acc": block},
            "rq_output": {"zero_point": layer.zero_point, "low": layer.low, "high": layer.high},
            "rq_mode": {
                "rounding": ROUNDINGS.index(layer.rounding),
                "unsigned": 0,
                "pwlq_bits": layer.terms.pwlq_bits,
            },
        }

    def _activations(
        self,
        area: _Area,
        chunk: _Chunk,
        group: tuple[int, int],
        rows: tuple[int, int, int, int],
        columns: tuple[int, int, int, int],
    ) -> int:
        """Load what a chunk reads (rows and columns as `_span` gives them); return its address."""
        layer = self.layer
        block, blocks = group if layer.depthwise else (chunk.cb, chunk.ncb)
        address, fresh = self.act.find((area, block, blocks, chunk.kh, chunk.kw))
        if fresh:
            load_tile(
                self.emitter,
                layer.source,
                Patch(block, blocks, rows[0] * layer.row_step, rows[1], columns[0], columns[1]),
                ActTile(address, self.in_row, self.in_block),
                Pads(rows[2], rows[3], columns[2], columns[3]),
                layer.input_zero_point,
                layer.row_step,
            )
        return address

    def _multiply(
        self,
        area: _Area,
        ob: int,
        obs: int,
        wgt: int,
        chunk: _Chunk,
        act: int,
        accumulate: bool,
    ) -> None:
        layer, shape, t, emitter = self.layer, self.shape, self.tiling, self.emitter
        stride_w = shape.stride[1]
        depth = layer.depthwise
        taps = shape.row_taps
        passes = ceil_divide(chunk.nkw, taps)
        walk = area.columns
        if depth:
            walk = (area.columns - 1) * stride_w + taps
        last_rows = layer.source.channels - (layer.source.blocks - 1) * layer.source.size
        is_last = chunk.cb + chunk.ncb == layer.source.blocks
        tile_rows = shape.rows
        row_end = tile_rows if depth or not is_last else last_rows
        blocks = obs if depth else chunk.ncb
        end = act + (blocks - 1) * self.in_block
        end += (
            (area.rows - 1) * shape.stride[0] + (chunk.nkh - 1) * shape.dilation[0]
        ) * self.in_row
        end += (area.columns - 1) * stride_w + (chunk.nkw - 1) * shape.dilation[1] + 1
        for index, plane in enumerate(layer.terms.planes):
            words = tile_words_of(shape, plane)
            emitter.configure(
                "EX",
                mac_x=_level(walk, 1 if depth else stride_w),
                mac_y=_level(area.rows, shape.stride[0] * self.in_row),
                mac_kw=_level(passes, shape.dilation[1]),
                mac_kh=_level(chunk.nkh, shape.dilation[0] * self.in_row),
                mac_cb=_level(chunk.ncb, self.in_block),
                mac_ob=_level(obs, self.in_block if depth else 0),
                mac_tile={"rows": tile_rows, "row_first": 0, "row_end": row_end},
                mac_output={
                    "acc_stride": t.th * t.tw,
                    "warm": taps - 1 if depth else 0,
                    "step": stride_w if depth else 0,
                },
                mac_format={
                    "format": format_code(plane),
                    "bits": plane.bits,
                    "unsigned": int(layer.source.unsigned),
                    "zero_point": layer.input_zero_point,
                },
                subset_selectors={"value": plane.selectors},
            )
            count = obs * chunk.ncb * chunk.nkh * passes * words
            emitter.execute(
                "MAC",
                wgt_banks=emitter.banks("WGT", wgt, wgt + count),
                accumulate=int(accumulate),
                depthwise=int(depth),
                acc=index * t.gob * t.th * t.tw,
                act=act,
                wgt=wgt,
                read_banks=emitter.banks("ACT", act, end),
            )
            wgt += count

    def _nothing(self, area: _Area, ob: int, obs: int) -> None:
        """Clear the accumulators of a tile that sees padding alone: all rows masked, one word."""
        layer, emitter = self.layer, self.emitter
        chunk = self._chunks(ob)[0]
        address, _ = self.act.find(None)
        block = ob if layer.depthwise else chunk.cb
        load_tile(emitter, layer.source, Patch(block, 1, 0, 1, 0, 1), ActTile(address, 1, 1))
        wgt = self._weights(ob, 0)
        pixels = area.rows * area.columns
        for index, plane in enumerate(layer.terms.planes):
            emitter.configure(
                "EX",
                mac_x=_level(pixels, 0),
                mac_y=_level(1, 0),
                mac_kw=_level(1, 0),
                mac_kh=_level(1, 0),
                mac_cb=_level(1, 0),
                mac_ob=_level(obs, 0),
                mac_tile={"rows": 1, "row_first": 0, "row_end": 0},
                mac_output={"acc_stride": self.tiling.th * self.tiling.tw, "warm": 0, "step": 0},
                mac_format={
                    "format": format_code(plane),
                    "bits": plane.bits,
                    "unsigned": int(layer.source.unsigned),
                    "zero_point": layer.input_zero_point,
                },
            )
            words = obs * ceil_divide(plane.code_bits, 8)
            emitter.execute(
                "MAC",
                wgt_banks=emitter.banks("WGT", wgt, wgt + words),
                acc=index * self.tiling.gob * self.tiling.th * self.tiling.tw,
                act=address,
                wgt=wgt,
                read_banks=emitter.banks("ACT", address, address + 1),
            )

    def _weights(self, ob: int, place: int) -> int:
        """Load the weights of a chunk of an output group; return their first word."""
        first, words = self.weight_places[ob, place]
        offset, size = self.weight_offset, self.machine.size
        if not self.tiling.wgt_resident:
            address, fresh = self.wgt.find((ob, place))
            if fresh:
                load_constant(self.emitter, "WGT", offset + first * size, words, address)
            return address
        if first + words > self.loaded:  # and what else ends in the same bank
            bank = self.machine.scratchpads.wgt_bank_words
            limit = ceil_divide(first + words, bank) * bank
            ends = (start + count for start, count in self.weight_places.values())
            end = max(end for end in ends if end <= limit)
            load_constant(
                self.emitter, "WGT", offset + self.loaded * size, end - self.loaded,
                self.resident + self.loaded,
            )  # fmt: skip
            self.loaded = end
        return self.resident + first

    def _parameters(self, ob: int) -> int:
        page = self.tiling.par_page_blocks
        first = ob // page * page
        address, fresh = self.par.find(first)
        words = PAR_HEADER_WORDS + self.layer.terms.count
        if fresh:
            blocks = min(page, self.shape.out_blocks - first)
            offset = self.par_offset + first * words * 4 * self.machine.size
            load_constant(self.emitter, "PAR", offset, blocks * words, address)
        return address + (ob - first) * words

    def _oldest_first(self, scratchpad: str, slots: int, words: int) -> list[int]:
        """Return the addresses of slots, that used the longest ago first."""
        if slots == 1:
            return [0]
        banks = max(words // bank_words(self.machine, scratchpad), 1)
        first = self.emitter.oldest_banks(scratchpad, banks) // words
        return [(first + i) % slots * words for i in range(slots)]

    def _place_weights(self) -> tuple[int, dict[tuple[int, int], tuple[int, int]]]:
        """Place the weights in the order of the tiles.

        Return their offset in bytes, and the first word and the words of each chunk.
        """
        t, shape = self.tiling, self.shape
        places: dict[tuple[int, int], tuple[int, int]] = {}
        order: list[tuple[int, int, _Chunk]] = []
        words = 0
        for ob in range(0, shape.out_blocks, t.gob):
            obs = min(t.gob, shape.out_blocks - ob)
            for place, chunk in enumerate(self._chunks(ob)):
                tiles = obs * chunk.ncb * chunk.nkh * ceil_divide(chunk.nkw, shape.row_taps)
                places[ob, place] = (words, tiles * shape.tile_words)
                words += tiles * shape.tile_words
                order.append((ob, obs, chunk))

        def make() -> bytes:
            tiles = [weight_tiles(self.layer, shape, plane) for plane in self.layer.terms.planes]
            parts = []
            for ob, obs, chunk in order:
                cb = chunk.cb - first_in_block(self.layer, self.machine.size, ob)
                for plane, values in zip(self.layer.terms.planes, tiles, strict=True):
                    taps = slice(chunk.kw, chunk.kw + chunk.nkw)
                    if shape.row_taps > 1:
                        taps = slice(0, 1)
                    part = values[
                        ob : ob + obs, cb : cb + chunk.ncb, chunk.kh : chunk.kh + chunk.nkh, taps
                    ]
                    rows, size = part.shape[-2:]
                    parts.append(pack_tiles(part.reshape(-1, rows, size), plane.code_bits))
            return b"".join(parts)

        return self.constants.place(words * self.machine.size, make), places


def _level(count: int, stride: int) -> dict[str, int]:
    """Return the fields of a loop level; a stride that is never taken is 0."""
    return {"count": count, "stride": stride if count > 1 else 0}


def _areas(outputs: tuple[int, int], th: int, tw: int) -> Iterator[_Area]:
    for row in range(0, outputs[0], th):
        for column in range(0, outputs[1], tw):
            yield _Area(row, min(th, outputs[0] - row), column, min(tw, outputs[1] - column))
