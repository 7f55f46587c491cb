"""The loops over the tiles of a linear layer: LD, MAC, RQ, VEC and ST of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice, pairwise

from npusim.compiler.emit.elementwise import Extent, apply
from npusim.compiler.emit.emit import Emitter, level
from npusim.compiler.emit.memory import ActTile
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import Pads, Patch, load_tile, store_tile
from npusim.compiler.linear.bands import TileLayout, bands, joined, outputs_ready
from npusim.compiler.linear.candidates import LinearShape
from npusim.compiler.linear.constants import LayerConstants
from npusim.compiler.linear.cut import (
    Area,
    Chunk,
    Piece,
    areas,
    chunks,
    pieces,
    used_chunks,
    weight_pieces,
)
from npusim.compiler.linear.layer import (
    LinearLayer,
    Residual,
    ceil_divide,
    rows_at_end,
    tile_words_of,
    tiles_of,
)
from npusim.compiler.linear.planes import format_code
from npusim.compiler.linear.registers import epilogue_registers
from npusim.compiler.linear.tiling import Tiling
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.machines import Machine

PARTS_WANTED = 4
"""Of a layer of few tiles, so that stores run beside the array."""
SMALLEST_PART_PIXELS = 64
FIRST_LOADS_WANTED = 4
"""Of a tile of several channel blocks."""
SMALLEST_LOAD_PIXELS = 128


def buffer_banks(machine: Machine, layer: LinearLayer, t: Tiling) -> list[int]:
    """Return the banks of ACT of each buffer for outputs, what is added, and sums before it."""
    outs = [t.out_slot_words // machine.scratchpads.act_bank_words] * t.out_slots
    residual = layer.residual
    return [
        *([] if layer.target.kept else outs),
        *([] if residual is None or residual.source.kept else outs),
        *([] if residual is None else [t.between_banks]),
    ]


@dataclass(frozen=True)
class Buffers:
    """Tiles of outputs on their way to DRAM, of what is added to them, and before it is added."""

    out: Slots
    added: Slots
    between: Slots

    @classmethod
    def of(cls, layer: LinearLayer, t: Tiling, addresses: list[int]) -> Buffers:
        """Return them, at `addresses` for the pieces that `buffer_banks` names."""
        taken, residual = iter(addresses), layer.residual
        out = [] if layer.target.kept else [*islice(taken, t.out_slots)]
        is_loaded = residual is not None and residual.source.kept is None
        added = [*islice(taken, t.out_slots)] if is_loaded else []
        return cls(Slots(out), Slots(added), Slots([*taken]))


class TileLoops:
    """The loops over the tiles of one layer."""

    def __init__(
        self,
        emitter: Emitter,
        layer: LinearLayer,
        shape: LinearShape,
        tiling: Tiling,
        constants: LayerConstants,
        layout: TileLayout,
        act: Slots,
        buffers: Buffers,
    ) -> None:
        self.emitter, self.layer, self.machine = emitter, layer, emitter.machine
        self.shape, self.tiling, self.constants = shape, tiling, constants
        self.layout, self.act = layout, act
        self.out, self.added, self.between = buffers.out, buffers.added, buffers.between
        self.acc = 0
        """First of the accumulators of the tile."""
        self.started = False
        self.coming: dict[int, list[tuple[int, int]]] = {}
        """Bands of the tile in each ACT slot that are not loaded yet."""

    def run(self, obs_of: list[tuple[int, int]]) -> None:
        """Emit all tiles of some output groups in the order that the tiling chose."""
        t = self.tiling
        cut = list(areas(self.shape.outputs, t.th, t.tw, self.shape.samples))
        if t.weights_outer:
            pairs = [(area, group) for group in obs_of for area in cut]
        else:
            pairs = [(area, group) for area in cut for group in obs_of]
        parts = max(PARTS_WANTED // len(pairs), 1) if self.layer.target.kept is None else 1
        for area, (ob, obs) in pairs:
            for part in self._parts(area, ob, parts):
                self._tile(area, part, ob, obs)

    def _parts(self, area: Area, ob: int, wanted: int) -> list[Area]:
        """Cut a loaded area into parts, requantized and stored while the next is computed."""
        if len(self._chunks(ob)) > 1:
            return [area]  # each part would load the chunks again
        shape, band_rows = self.shape, self.layout.band_rows
        span = (shape.kernel[0] - 1) * shape.dilation[0] + 1
        rows = (area.rows - 1) * shape.stride[0] + span
        ready = (
            outputs_ready(end, span, shape.stride[0]) for end in range(band_rows, rows, band_rows)
        )
        ends = sorted({min(end, area.rows) for end in ready if end} | {area.rows})
        least = ceil_divide(SMALLEST_PART_PIXELS, area.columns)
        most = max(min(ceil_divide(area.rows, wanted), self.tiling.pieces.rows), least)
        return [
            replace(area, row=area.row + first, rows=count)
            for first, count in joined(ends, least, most)
        ]

    def _chunks(self, ob: int) -> list[Chunk]:
        return chunks(self.layer, self.shape, self.tiling, ob)

    def _tile(self, area: Area, part: Area, ob: int, obs: int) -> None:
        """Emit `part` of an area whose inputs are loaded at once."""
        layer = self.layer
        skipped = (part.row - area.row) * self.shape.stride[0]
        used = used_chunks(self._chunks(ob), area, self.shape)
        each = self.tiling.pieces.blocks if len(used) == 1 else obs
        cut = pieces(part, ob, obs, each)
        self._take_accumulators(cut[0])
        at_once = weight_pieces(self.tiling, cut[0])
        out = self._output(part, ob)
        par = 0
        for number, (place, chunk, rows, columns) in enumerate(used):
            # Constants first: they need not wait for the layer before to be stored. Weights before
            # parameters: PAR has few banks, and what waits for one holds up the loads behind it.
            wgt = [self.constants.weights(piece.ob, place) for piece in at_once]
            par = self.constants.parameters(ob)
            last = (part.rows - 1) * self.shape.stride[0]
            last += skipped + (chunk.nkh - 1) * self.shape.dilation[0]
            act = self._activations(area, chunk, (ob, obs), rows, columns, last)
            first_word = act + skipped * self.layout.row_stride
            for piece, first in zip(at_once, wgt, strict=True):
                self._multiply(piece, first, chunk, first_word, number > 0, cut[0])
            for before, piece in pairwise(cut):
                self._finish(before, out, par)
                self._take_accumulators(piece)
                self._multiply(piece, wgt[0], chunk, first_word, False, piece)
        if not used:
            self._nothing(cut[0])
            par = self.constants.parameters(ob)
        self._finish(cut[-1], out, par)
        if layer.target.kept is None:
            store_tile(self.emitter, layer.target, self._patch(part, ob, obs), out)

    def _take_accumulators(self, piece: Piece) -> None:
        self.acc = self.emitter.accumulators(piece.words * self.layer.terms.sum_planes)

    def _output(self, part: Area, ob: int) -> ActTile:
        """Return where the outputs of a part lie."""
        kept = self.layer.target.kept
        if kept is not None:
            return kept.tile(ob, part.row, part.column, part.sample)
        return ActTile(self.out.next(), part.columns, self.tiling.th * self.tiling.tw)

    def _patch(self, part: Area, ob: int, obs: int) -> Patch:
        row = part.sample * self.layer.target_rows + part.row
        return Patch(ob, obs, row, part.rows, part.column, part.columns)

    def _finish(self, piece: Piece, out: ActTile, par: int) -> None:
        """Emit the epilogue of a piece; `out`, `par`: those of its whole part."""
        layer, part, residual = self.layer, piece.part, self.layer.residual
        patch = self._patch(part, piece.ob + piece.first, piece.count)
        own = replace(out, address=out.address + piece.first * out.block_stride)
        par += piece.first * (PAR_HEADER_WORDS + layer.terms.count)
        if residual is None:
            self._epilogue(patch, own, par)
            return
        added = self._added(residual, part, patch)
        result = replace(added, address=self.between.next())
        self._epilogue(patch, result, par)
        operands = (added, result) if residual.is_first else (result, added)
        apply(
            self.emitter, residual.function, operands, own,
            Extent(piece.count, part.rows, part.columns), residual.source.unsigned,
            self.constants.addition(piece.ob),
        )  # fmt: skip

    def _added(self, residual: Residual, part: Area, patch: Patch) -> ActTile:
        """Return where the pixels that are added lie, loaded unless they were kept."""
        if residual.source.kept is not None:
            return residual.source.kept.tile(patch.block, part.row, part.column, part.sample)
        tile = ActTile(self.added.next(), part.columns, self.tiling.th * self.tiling.tw)
        load_tile(self.emitter, residual.source, patch, tile)
        return tile

    def _epilogue(self, patch: Patch, result: ActTile, par: int) -> None:
        """Emit the RQ of a tile's accumulators."""
        layer, emitter = self.layer, self.emitter
        extent = Extent(patch.blocks, patch.rows, patch.columns).joined(result)
        end = result.address + extent.words(result)
        pixels = patch.rows * patch.columns
        sums = pixels * patch.blocks * layer.terms.sum_planes
        emitter.configure("EP", **epilogue_registers(layer, extent, result, pixels))
        emitter.execute(
            "RQ",
            pwlq=int(bool(layer.terms.pwlq_bits)),
            acc=self.acc,
            acc_banks=emitter.banks("ACC", self.acc, self.acc + sums),
            out=result.address,
            par=par,
            write_banks=emitter.banks("ACT", result.address, end),
            par_banks=emitter.banks(
                "PAR", par, par + patch.blocks * (PAR_HEADER_WORDS + layer.terms.count)
            ),
        )

    def _activations(
        self,
        area: Area,
        chunk: Chunk,
        group: tuple[int, int],
        rows: tuple[int, int, int, int],
        columns: tuple[int, int, int, int],
        last_row: int,
    ) -> int:
        """Load what a chunk reads up to `last_row` of its tile; return the tile's address.

        `rows`, `columns`: as input_span gives them.
        """
        layer, layout = self.layer, self.layout
        block, blocks = group if layer.depthwise else (chunk.cb, chunk.ncb)
        first, inner, top, bottom = rows
        if layer.source.kept is not None:
            corner = (first - top, columns[0] - columns[2], area.sample)
            return layer.source.kept.tile(block, *corner).address
        address, fresh = self.act.find((area, block, blocks, chunk.kh, chunk.kw))
        if fresh:
            self.coming[address] = bands(layout.band_rows, top, inner, bottom)
        while self.coming[address] and self.coming[address][0][0] <= last_row:
            row, count = self.coming[address].pop(0)
            above, below = max(top - row, 0), max(row + count - top - inner, 0)
            source_row = (first + max(row - top, 0)) * layer.row_step
            source_row += area.sample * layer.source_rows
            start = address + row * layout.row_stride
            for part, held in self._block_parts(blocks, inner * columns[1]):
                load_tile(
                    self.emitter,
                    layer.source,
                    Patch(block + part, held, source_row, count - above - below, *columns[:2]),
                    ActTile(
                        start + part * layout.block_stride, layout.row_stride, layout.block_stride
                    ),
                    Pads(above, below, columns[2], columns[3]),
                    layer.input_zero_point,
                    layer.row_step,
                )
        return address

    def _block_parts(self, blocks: int, pixels: int) -> list[tuple[int, int]]:
        """Cut the blocks of a layer's first tile, for the layer before stores one after the other.

        Each part is loaded as soon as it is stored. Parts of few pixels would cost more latency.
        """
        count = 1
        if not self.started and self.layout.band_rows >= self.tiling.th:
            count = max(min(FIRST_LOADS_WANTED, blocks, blocks * pixels // SMALLEST_LOAD_PIXELS), 1)
        self.started = True
        each = ceil_divide(blocks, count)
        return [(first, min(each, blocks - first)) for first in range(0, blocks, each)]

    def _multiply(
        self, piece: Piece, wgt: int, chunk: Chunk, act: int, accumulate: bool, summed: Piece
    ) -> None:
        """Emit the MACs of a piece; `wgt`, `act`: first words of its whole part's chunk.

        `summed`: the piece whose sums the accumulators hold; the first is all or a part of it.
        """
        area, obs = piece.part, piece.count
        layer, shape, emitter = self.layer, self.shape, self.emitter
        stride_h, stride_w = shape.stride
        depth, window = int(layer.depthwise), int(shape.is_window)
        row_step = self.layout.row_stride * (1 if window else stride_h)
        rows, taps = shape.rows, shape.row_taps
        passes = ceil_divide(chunk.nkw, taps)
        kernel_passes = ceil_divide(chunk.nkh, shape.kernel_rows)
        walk = (area.columns - 1) * stride_w + taps if depth else area.columns
        tiles = tiles_of(layer, self.machine, chunk.cb, chunk.ncb)
        apart = self.layout.block_stride if tiles > 1 or shape.words > 1 else 0
        row_end = rows_at_end(layer, self.machine, shape, (chunk.cb, chunk.ncb))
        blocks = obs if depth else chunk.ncb
        act += depth * piece.first * self.layout.block_stride
        end = act + (blocks - 1) * self.layout.block_stride
        last_row = (area.rows - 1) * stride_h + (chunk.nkh - 1) * shape.dilation[0]
        end += last_row * self.layout.row_stride
        end += (area.columns - 1) * stride_w + (chunk.nkw - 1) * shape.dilation[1] + 1
        pixels = area.rows * area.columns
        for plane, sums, adds in layer.terms.accumulated():
            words = tile_words_of(shape, plane)
            acc = self.acc + (sums * summed.count + piece.ob - summed.ob) * pixels
            emitter.configure(
                "MX",
                mac_x=level(walk, 1 if depth else stride_w),
                mac_y=level(shape.rows_read(area.rows, chunk.nkh), row_step),
                mac_kw=level(passes, shape.dilation[1]),
                mac_kh=level(kernel_passes, shape.dilation[0] * self.layout.row_stride),
                mac_cb={"count": tiles, "stride": apart},
                mac_ob=level(obs, self.layout.block_stride if depth else 0),
                mac_tile={"rows": rows, "row_first": 0, "row_end": row_end, "taps": window * taps},
                mac_output={
                    "acc_stride": pixels,
                    "warm": depth * (taps - 1),
                    "step": depth * stride_w,
                },
                mac_format={
                    "format": format_code(plane),
                    "bits": plane.bits,
                    "unsigned": int(layer.source.unsigned),
                    "zero_point": layer.input_zero_point,
                    "row_warm": shape.kernel_rows - 1,
                    "row_skip": window * (stride_h - 1),
                },
                **plane.level_registers,
            )
            each = tiles * kernel_passes * passes * words
            own = wgt + piece.first * each
            emitter.execute(
                "MAC",
                wgt_banks=emitter.banks("WGT", own, own + obs * each),
                accumulate=int(accumulate or adds),
                depthwise=depth,
                window=window,
                acc=acc,
                act=act,
                wgt=own,
                read_banks=emitter.banks("ACT", act, end),
                acc_banks=emitter.banks("ACC", acc, acc + obs * pixels),
            )
            wgt += piece.obs * each

    def _nothing(self, piece: Piece) -> None:
        """Clear the accumulators of a tile that sees padding alone: all rows masked, one word."""
        layer, emitter = self.layer, self.emitter
        area, ob, obs = piece.part, piece.ob, piece.obs
        chunk = self._chunks(ob)[0]
        if layer.source.kept is not None:
            address = layer.source.kept.tile(0, 0, 0).address
        else:
            address, _ = self.act.find(None)
            block = ob if layer.depthwise else chunk.cb
            load_tile(emitter, layer.source, Patch(block, 1, 0, 1, 0, 1), ActTile(address, 1, 1))
        wgt = self.constants.weights(ob, 0)
        pixels = area.rows * area.columns
        for index, plane in enumerate(layer.terms.planes[: layer.terms.sum_planes]):
            emitter.configure(
                "MX",
                mac_x=level(obs * pixels, 0),
                mac_y=level(1, 0),
                mac_kw=level(1, 0),
                mac_kh=level(1, 0),
                mac_cb=level(1, 0),
                mac_ob=level(1, 0),
                mac_tile={"rows": 1, "row_first": 0, "row_end": 0},
                mac_output={"acc_stride": pixels, "warm": 0, "step": 0},
                mac_format={
                    "format": format_code(plane),
                    "bits": plane.bits,
                    "unsigned": int(layer.source.unsigned),
                    "zero_point": layer.input_zero_point,
                },
            )
            words, acc = ceil_divide(plane.code_bits, 8), self.acc + index * obs * pixels
            emitter.execute(
                "MAC", acc=acc, act=address, wgt=wgt,
                wgt_banks=emitter.banks("WGT", wgt, wgt + words),
                read_banks=emitter.banks("ACT", address, address + 1),
                acc_banks=emitter.banks("ACC", acc, acc + obs * pixels),
            )  # fmt: skip
