"""Windows: max pooling, and sums that the requantizers turn into means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np

from npusim.compiler.emit.elementwise import (
    Extent,
    load_uniform_parameters,
    output_register,
)
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import ActTile, Constants, Stored
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import Pads, Patch, load_tile, store_tile
from npusim.compiler.linear.candidates import cuts, halves
from npusim.errors import CapacityError
from npusim.graph.attributes import Window
from npusim.isa.spec import PAR_HEADER_WORDS, VEC_OPS
from npusim.runtimes.requantization import Requantization
from npusim.words import EPILOGUES

_PAR_WORDS = PAR_HEADER_WORDS + 1


@dataclass(frozen=True, eq=False)
class Pool:
    """A window operation. `finish` gives the epilogue of a sum over so many taps; None: `extreme`.

    `fill` stands for taps outside the image. Source and target are `samples` images, one below the
    other.
    """

    name: str
    source: Stored
    target: Stored
    window: Window
    fill: int
    low: int
    high: int
    finish: Callable[[int], Requantization] | None
    samples: int
    extreme: Literal["max", "min"]

    def of_sample(self, number: int) -> Pool:
        """Return the operation on one of the samples."""
        source, target = (x.sample(number, self.samples) for x in (self.source, self.target))
        return replace(self, source=source, target=target, samples=1)


@dataclass(frozen=True)
class _Cut:
    """Outputs TH x TW of `blocks` channel blocks, windows in parts of KH x KW taps."""

    th: int
    tw: int
    blocks: int
    kh: int
    kw: int
    slots: int
    in_words: int
    out_words: int


def _span(pool: Pool, axis: int, outputs: int, taps: int) -> int:
    return (outputs - 1) * pool.window.stride[axis] + (taps - 1) * pool.window.dilation[axis] + 1


def _cut(emitter: Emitter, pool: Pool) -> _Cut:
    """Return the cut that reads the fewest pixels twice; parts of windows only where they must."""
    machine = emitter.machine
    banks, bank = emitter.act_banks, machine.scratchpads.act_bank_words
    is_kept = pool.source.kept is not None
    limit = machine.scratchpads.acc_words if pool.finish else 1 << 16
    kernel = pool.window.kernel
    for kh, kw in [kernel, *((h, kernel[1]) for h in halves(kernel[0])[1:]),
                   *((1, w) for w in halves(kernel[1])[1:])]:  # fmt: skip
        partial = (kh, kw) != kernel and pool.finish is None
        found: list[tuple[int, int, _Cut]] = []
        for slots in (2, 1):
            for each in (0,) if is_kept else range(1, banks):
                rest = (banks - slots * each) // slots
                if rest < 1:
                    continue
                in_words, out_words = each * bank, rest * bank
                for tw in halves(pool.target.width):
                    for th in cuts(pool.target.height):
                        one = _span(pool, 0, th, kh) * _span(pool, 1, tw, kw)
                        extra = th * tw * (2 if partial else 1)
                        room = in_words - (th * tw if partial or _clamps(pool) else 0)
                        blocks = min(
                            pool.source.blocks if is_kept else room // one, out_words // extra,
                            limit // (th * tw), pool.source.blocks,
                        )  # fmt: skip
                        if blocks < 1:
                            continue
                        if partial or _clamps(pool):
                            blocks = 1
                        tiles = -(-pool.target.height // th) * -(-pool.target.width // tw)
                        cut = _Cut(th, tw, blocks, kh, kw, slots, in_words, out_words)
                        found.append((tiles * one, -slots, cut))
        if found:
            least = min(cost for cost, _, _ in found)
            near = [item for item in found if item[0] <= least]
            return min(near, key=lambda item: (item[1], -item[2].th * item[2].tw * item[2].blocks))[
                2
            ]
    raise CapacityError(f"{pool.name}: needs 2 ACT words in each of two banks, {machine.name}")


def _clamps(pool: Pool) -> bool:
    """Return whether a maximum has to be clamped to less than its type."""
    limits = (0, 255) if pool.target.unsigned else (-128, 127)
    return pool.finish is None and (pool.low, pool.high) != limits


def emit_pool(emitter: Emitter, constants: Constants, pool: Pool) -> None:
    """Emit the instructions of a pooling operator."""
    _Pooling(emitter, constants, pool).run()


class _Pooling:
    def __init__(self, emitter: Emitter, constants: Constants, pool: Pool) -> None:
        self.emitter, self.constants, self.whole = emitter, constants, pool
        self.sample, self.pool = 0, pool.of_sample(0)
        self.acc = 0
        """First word of the sums of the tile."""
        self.cut = cut = _cut(emitter, self.pool)
        self.rounding = "floor" if pool.finish is None else pool.finish(1).rounding
        machine = emitter.machine
        first = emitter.act_first * machine.scratchpads.act_bank_words
        self.ins = Slots([first + i * cut.in_words for i in range(cut.slots)])
        base = first + cut.slots * cut.in_words
        self.outs = Slots([base + i * cut.out_words for i in range(cut.slots)])
        if machine.par_words < _PAR_WORDS:
            raise CapacityError(
                f"{pool.name}: needs {_PAR_WORDS} PAR words, {machine.name} has {machine.par_words}"
            )
        self.par = Slots([i * _PAR_WORDS for i in range(machine.par_words // _PAR_WORDS)])

    def run(self) -> None:
        """Emit all tiles of all samples."""
        for sample in range(self.whole.samples):
            self.sample, self.pool = sample, self.whole.of_sample(sample)
            self._run_sample()

    def _run_sample(self) -> None:
        target, cut = self.pool.target, self.cut
        for block in range(0, target.blocks, cut.blocks):
            blocks = min(cut.blocks, target.blocks - block)
            for row in range(0, target.height, cut.th):
                rows = min(cut.th, target.height - row)
                for column in range(0, target.width, cut.tw):
                    columns = min(cut.tw, target.width - column)
                    self._tile(Patch(block, blocks, row, rows, column, columns))

    def _tile(self, out: Patch) -> None:
        pool, cut = self.pool, self.cut
        result = self.outs.next()
        words = out.blocks * out.rows * out.columns
        if pool.finish is not None:
            self.acc = self.emitter.accumulators(words)
        kernel, started = pool.window.kernel, False
        for kh in range(0, kernel[0], cut.kh):
            for kw in range(0, kernel[1], cut.kw):
                taps = (min(cut.kh, kernel[0] - kh), min(cut.kw, kernel[1] - kw))
                tile = self._load(out, (kh, kw), taps)
                if tile is None:
                    continue
                if pool.finish is not None:
                    self._fold("sum", out, taps, tile, 0, started)
                elif not started:
                    self._fold(pool.extreme, out, taps, tile, result, False)
                else:
                    self._fold(pool.extreme, out, taps, tile, result + words, False)
                    spare = tile.address + cut.in_words - words
                    self._pair(result, words, spare)
                started = True
        if not started:
            self._empty(out, result)
        if pool.finish is not None:
            self._finish(out, result)
        elif _clamps(pool):
            self._clamp(words, result)
        store_tile(
            self.emitter, pool.target, out, ActTile(result, out.columns, out.rows * out.columns)
        )

    def _load(self, out: Patch, tap: tuple[int, int], taps: tuple[int, int]) -> ActTile | None:
        pool, window = self.pool, self.pool.window
        lows, spans, pads = [], [], []
        sizes = (pool.source.height, pool.source.width)
        firsts, counts = (out.row, out.column), (out.rows, out.columns)
        for axis in (0, 1):
            low = firsts[axis] * window.stride[axis] - window.padding[2 * axis]
            low += tap[axis] * window.dilation[axis]
            high = low + _span(pool, axis, counts[axis], taps[axis])
            inside = (max(low, 0), min(high, sizes[axis]))
            if inside[0] >= inside[1]:
                return None
            lows.append(inside[0])
            spans.append(inside[1] - inside[0])
            pads += [inside[0] - low, high - inside[1]]
        if pool.source.kept is not None:
            return pool.source.kept.tile(out.block, lows[0], lows[1], self.sample)
        width = _span(pool, 1, out.columns, taps[1])
        tile = ActTile(self.ins.next(), width, width * _span(pool, 0, out.rows, taps[0]))
        load_tile(
            self.emitter,
            pool.source,
            Patch(out.block, out.blocks, lows[0], spans[0], lows[1], spans[1]),
            tile,
            Pads(*pads),
            pool.fill,
        )
        return tile

    def _fold(
        self,
        name: str,
        out: Patch,
        taps: tuple[int, int],
        tile: ActTile,
        result: int,
        accumulate: bool,
    ) -> None:
        pool, window, emitter = self.pool, self.pool.window, self.emitter
        width = _span(pool, 1, out.columns, taps[1])
        height = _span(pool, 0, out.rows, taps[0])
        pixels = out.rows * out.columns
        self._configure(
            (out.blocks, tile.block_stride, pixels),
            (out.rows, window.stride[0] * tile.row_stride, out.columns),
            (out.columns, window.stride[1], 1),
            (taps[0], window.dilation[0] * tile.row_stride),
            (taps[1], window.dilation[1]),
        )
        words = out.blocks * pixels
        write = 0 if name == "sum" else emitter.banks("ACT", result, result + words)
        end = tile.address + Extent(out.blocks, height, width).words(tile)
        emitter.execute(
            "VEC", op=VEC_OPS.index(name), accumulate=int(accumulate), acc=self.acc,
            act=tile.address, out=result, read_banks=emitter.banks("ACT", tile.address, end),
            write_banks=write, acc_banks=self._sums(words) if name == "sum" else 0,
        )  # fmt: skip

    def _sums(self, words: int) -> int:
        """Return the banks of the tile's sums."""
        return self.emitter.banks("ACC", self.acc, self.acc + words)

    def _configure(
        self,
        b: tuple[int, int, int],
        y: tuple[int, int, int],
        x: tuple[int, int, int],
        ky: tuple[int, int] = (1, 0),
        kx: tuple[int, int] = (1, 0),
        output: tuple[int, int, int] | None = None,
    ) -> None:
        """Set the vector nest: count, ACT stride and output (and ACC) step of each level."""
        levels: dict[str, dict[str, int]] = {}
        for name, (count, stride, step) in (("vec_b", b), ("vec_y", y), ("vec_x", x)):
            many = count > 1
            levels[name] = {"count": count, "stride": stride * many}
            levels[f"{name}_out"] = {"out": step * many, "acc": step * many}
        for name, (count, stride) in (("vec_ky", ky), ("vec_kx", kx)):
            levels[name] = {"count": count, "stride": stride * (count > 1)}
        if output is not None:
            levels["rq_output"] = output_register(*output)
        self.emitter.configure(
            "EP",
            **levels,
            rq_mode={
                "rounding": EPILOGUES.index(self.rounding),
                "unsigned": int(self.pool.source.unsigned),
                "pwlq_bits": 0,
            },
        )

    def _pair(self, result: int, words: int, spare: int) -> None:
        """Fold the second half of a result into its first, by way of `spare`."""
        emitter = self.emitter
        both = emitter.banks("ACT", result, result + 2 * words)
        one = emitter.banks("ACT", result, result + words)
        apart = emitter.banks("ACT", spare, spare + words)
        self._configure((1, 0, 0), (1, 0, 0), (words, 1, 1), kx=(2, words))
        emitter.execute(
            "VEC", op=VEC_OPS.index(self.pool.extreme), act=result, out=spare, read_banks=both,
            write_banks=apart,
        )  # fmt: skip
        self._configure((1, 0, 0), (1, 0, 0), (words, 1, 1))
        emitter.execute(
            "VEC", op=VEC_OPS.index("copy"), act=spare, out=result, read_banks=apart,
            write_banks=one,
        )  # fmt: skip

    def _empty(self, out: Patch, result: int) -> None:
        """Windows without a tap: sum or maximum of `fill` alone."""
        pool, emitter = self.pool, self.emitter
        act = self.ins.next()
        load_tile(
            emitter, pool.source, Patch(out.block, 1, 0, 1, 0, 1), ActTile(act, 2, 2),
            Pads(right=1), pool.fill,
        )  # fmt: skip
        words = out.blocks * out.rows * out.columns
        self._configure((1, 0, 0), (1, 0, 0), (words, 0, 1))
        name = pool.extreme if pool.finish is None else "sum"
        write = 0 if name == "sum" else emitter.banks("ACT", result, result + words)
        emitter.execute(
            "VEC", op=VEC_OPS.index(name), act=act + 1, out=result, acc=self.acc,
            read_banks=emitter.banks("ACT", act + 1, act + 2), write_banks=write,
            acc_banks=self._sums(words) if name == "sum" else 0,
        )  # fmt: skip

    def _parameters(self, taps: int, r: Requantization) -> int:
        address, fresh = self.par.find(taps)
        if fresh:
            load_uniform_parameters(self.emitter, self.constants, r, address)
        return address

    def _finish(self, out: Patch, result: int) -> None:
        """Requantize the sums, one RQ for each rectangle of windows with equal counts of taps."""
        pool, emitter = self.pool, self.emitter
        assert pool.finish is not None
        row_runs = self._runs(0, out.row, out.rows)
        column_runs = self._runs(1, out.column, out.columns)
        pixels = out.rows * out.columns
        for row, rows, row_taps in row_runs:
            for column, columns, column_taps in column_runs:
                taps = row_taps * column_taps
                r = pool.finish(taps)
                par = self._parameters(taps, r)
                first = row * out.columns + column
                nests = [((out.blocks, 0, pixels), (rows * columns, 0, 1), 0)]
                if columns != out.columns:
                    nests = [
                        ((rows, 0, out.columns), (columns, 0, 1), block * pixels)
                        for block in range(out.blocks)
                    ]
                for y, x, at in nests:
                    self._configure((1, 0, 0), y, x, output=(r.zero_point, r.low, r.high))
                    low = result + at + first
                    end = low + (y[0] - 1) * y[2] + x[0]
                    emitter.execute(
                        "RQ", acc=self.acc + at + first, out=low, par=par,
                        acc_banks=self._sums(out.blocks * pixels),
                        write_banks=emitter.banks("ACT", low, end),
                        par_banks=emitter.banks("PAR", par, par + _PAR_WORDS),
                    )  # fmt: skip

    def _runs(self, axis: int, first: int, count: int) -> list[tuple[int, int, int]]:
        """Return (place in the tile, length, taps inside the image) of runs of outputs."""
        window, pool = self.pool.window, self.pool
        size = (pool.source.height, pool.source.width)[axis]
        taps = []
        for i in range(first, first + count):
            low = i * window.stride[axis] - window.padding[2 * axis]
            reads = range(
                low, low + window.kernel[axis] * window.dilation[axis], window.dilation[axis]
            )
            taps.append(sum(0 <= read < size for read in reads))
        runs, place = [], 0
        for value, group in groupby(taps):
            length = len(list(group))
            runs.append((place, length, value))
            place += length
        return runs

    def _clamp(self, words: int, result: int) -> None:
        """Clamp a maximum, by way of the end of an input buffer."""
        pool, emitter = self.pool, self.emitter
        r = Requantization(
            np.array([[1]]), np.array([0]), np.array([0]), "floor", 0, pool.low, pool.high
        )
        par = self._parameters(-1, r)
        spare = self.ins.next() + self.cut.in_words - words
        here = emitter.banks("ACT", result, result + words)
        there = emitter.banks("ACT", spare, spare + words)
        flat = ((1, 0, 0), (1, 0, 0), (words, 1, 1))
        self._configure(*flat, output=(0, pool.low, pool.high))
        emitter.execute(
            "RQ", act_terms=1, act=result, out=spare, par=par, read_banks=here, write_banks=there,
            par_banks=emitter.banks("PAR", par, par + _PAR_WORDS),
        )  # fmt: skip
        emitter.execute(
            "VEC", op=VEC_OPS.index("copy"), act=spare, out=result, read_banks=there,
            write_banks=here,
        )  # fmt: skip
