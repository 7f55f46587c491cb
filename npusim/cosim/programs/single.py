"""Instructions that touch one word: the ground on which a bad program makes its one mistake."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from npusim.codes import CODES
from npusim.cosim.programs.builder import Builder
from npusim.isa.encoding import instruction
from npusim.isa.instructions import REGISTERS
from npusim.isa.instructions.mac import bits_max
from npusim.isa.spec import FETCH_BURST_INSTRUCTIONS, QUEUED_ENGINES, side_of
from npusim.machines import Machine

Registers = dict[str, dict[str, int]]
ONE: Registers = {
    **{f"mac_{n}": {"count": 1, "stride": 0} for n in ("ob", "cb", "kh", "kw", "y", "x")},
    **{f"vec_{n}": {"count": 1, "stride": 0} for n in ("b", "y", "x", "ky", "kx")},
    **{f"vec_{n}_out": {} for n in ("b", "y", "x", "ky", "kx")},
    "rq_mode": {"rounding": 1},
    "rq_output": {},
}
"""Registers of MX and EP under which an instruction touches one word."""


def configure_transfer(
    b: Builder, rng: random.Random, engine: str, beats: int = 1, strides: Registers | None = None
) -> None:
    """Configure LD or ST for elements of `beats` without padding; no strides but `strides`."""
    values: Registers = {"element": {"beats": beats}, "act_stride": {}, "row_stride": {}}
    values |= {"block_stride": {}} | ({"pads": {}} if engine == "LD" else {}) | (strides or {})
    b.configure(engine, values, rng, spoils=False)


def configure_work(
    b: Builder, rng: random.Random, engine: str, **changes: Mapping[str, int]
) -> None:
    """Configure MX or EP as in ONE, with `changes` (register = fields) of its registers."""
    tile = {
        "mac_tile": {"rows": 1, "row_end": 1},
        "mac_output": {"step": 1},
        "mac_format": {"bits": 2, "format": _format(b.machine)},
    }
    merged = {**ONE, **tile}
    for register, fields in changes.items():
        merged[register] = {**merged.get(register, {}), **fields}
    known = {register.name for register in REGISTERS[engine]}
    own = {name: fields for name, fields in merged.items() if name in known}
    b.configure(engine, own, rng, spoils=False)


def _format(machine: Machine) -> int:
    return next(f for f in range(len(CODES)) if bits_max(machine, f))


def start_a_burst(b: Builder, rng: random.Random) -> None:
    """Append a FENCE that begins a burst of FETCH: the next few instructions come at once."""
    b.fence()
    while len(b) % FETCH_BURST_INSTRUCTIONS:
        b.place(b.idle_cfg(rng.choice(QUEUED_ENGINES), rng))
    b.fence()


def together(b: Builder, rng: random.Random, places: Sequence[int]) -> None:
    """Let the instructions of two engines at `places` await one CFG of a third engine.

    Both are then tried in the cycle after that CFG's retirement.
    """
    engines = [b.program[place].engine for place in places]
    giver = next(engine for engine in QUEUED_ENGINES if engine not in engines)
    gives = dict(b.idle_cfg(giver, rng).values)
    for place in places:
        item = b.program[place]
        wait = f"wait_{side_of(item.engine, giver)}"
        b.program[place] = instruction(item.name, item.engine, **{**item.values, wait: 1})
        gives[f"signal_{side_of(giver, item.engine)}"] = 1
    b.place(instruction("CFG", giver, **gives))
