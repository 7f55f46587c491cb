"""Images in another size by addresses alone: rows by those of LD and ST, columns by VEC copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.emit.elementwise import act_plan
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import ActTile, Stored
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import Patch, load_tile, store_tile
from npusim.isa.spec import VEC_OPS

MOST_PROGRESSIONS = 16
"""Of one axis; each is an instruction a tile."""


@dataclass(frozen=True)
class Progression:
    """Outputs `to + i * to_step` are inputs `first + i * step`, i below `count`."""

    to: int
    to_step: int
    first: int
    step: int
    count: int


def progressions(places: NDArray[np.int64]) -> tuple[Progression, ...] | None:
    """Return a map of outputs to inputs as the fewest progressions; None where it is irregular."""
    for period in range(1, min(MOST_PROGRESSIONS, len(places)) + 1):
        steps = np.unique(places[period:] - places[:-period])
        if len(steps) <= 1:
            step = int(steps[0]) if len(steps) else 0
            return tuple(
                Progression(to, period, int(places[to]), step, len(places[to::period]))
                for to in range(period)
            )
    return None


def emit_resample(
    emitter: Emitter,
    source: Stored,
    target: Stored,
    rows: Sequence[Progression],
    columns: Sequence[Progression],
) -> None:
    """Emit target[r, c] = source[rows of r, columns of c]; a row of either fits a bank of ACT."""
    plan = act_plan(emitter.machine, 1, target.pixels)
    most = max(source.width, target.width)
    held = max(plan.words, most) // most
    ins, outs = Slots(plan.ins), Slots(plan.outs)
    for block in range(target.blocks):
        done: set[tuple[int, int, int]] = set()
        for r in rows:
            same = [p for p in rows if (p.first, p.step, p.count) == (r.first, r.step, r.count)]
            if (r.first, r.step, r.count) in done:
                continue
            done.add((r.first, r.step, r.count))
            for i in range(0, r.count, held):
                count = min(held, r.count - i)
                act, out = ins.next(), outs.next()
                load_tile(
                    emitter, source,
                    Patch(block, 1, r.first + i * r.step, count, 0, source.width),
                    ActTile(act, source.width, source.width * count), row_step=r.step,
                )  # fmt: skip
                for c in columns:
                    _take(emitter, c, (act, source.width), (out, target.width), count)
                for p in same:
                    store_tile(
                        emitter, target,
                        Patch(block, 1, p.to + i * p.to_step, count, 0, target.width),
                        ActTile(out, target.width, target.width * count), row_step=p.to_step,
                    )  # fmt: skip


def _take(
    emitter: Emitter, c: Progression, source: tuple[int, int], target: tuple[int, int], rows: int
) -> None:
    """Emit the copy of a progression of columns in some rows; (first word, words of a row)."""
    (act, width), (out, wide) = source, target
    several = c.count > 1
    emitter.configure(
        "EP",
        **{name: {"count": 1, "stride": 0} for name in ("vec_b", "vec_ky", "vec_kx")},
        vec_y={"count": rows, "stride": width if rows > 1 else 0},
        vec_y_out={"out": wide if rows > 1 else 0, "acc": 0},
        vec_x={"count": c.count, "stride": c.step if several else 0},
        vec_x_out={"out": c.to_step if several else 0, "acc": 0},
    )
    first, result = act + c.first, out + c.to
    ends = (first + (c.count - 1) * c.step, result + (c.count - 1) * c.to_step)
    emitter.execute(
        "VEC", op=VEC_OPS.index("copy"), act=first, out=result,
        read_banks=emitter.banks("ACT", first, ends[0] + (rows - 1) * width + 1),
        write_banks=emitter.banks("ACT", result, ends[1] + (rows - 1) * wide + 1),
    )  # fmt: skip
