"""Which points of the instruction set random programs have reached: fields, pairs, stalls, faults.

A point is counted where an instruction issued with it, or was the fault that ended the run. Values
of registers count where an instruction reads them. A field of few values has a point for each; a
wider one for 0, for each bit of its magnitude, and for both signs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from npusim.isa.fields import Field
from npusim.isa.instructions import PAGES
from npusim.isa.nest import Column
from npusim.isa.spec import ENGINES, HEADER, QUEUED_ENGINES, VEC_OPS
from npusim.simulator.timing.timeline import CAUSES, Timeline

FEW_BITS = 3
_EPILOGUES = ("RQ", "VEC")
RUNNING = (
    *(("LD", name) for name in ("MAC", *_EPILOGUES)), *(("MAC", name) for name in _EPILOGUES),
    *((name, "ST") for name in ("MAC", *_EPILOGUES)), ("LD", "ST"),
)  # fmt: skip
"""What may run at once: one instruction in each engine."""
FAULTS_OF = {
    "FETCH": ("opcode", "axi"),
    "LD": ("operand", "bank", "address", "axi", "token"),
    "MX": ("operand", "bank", "address", "token"),
    "EP": ("operand", "bank", "address", "token"),
    "ST": ("operand", "bank", "address", "axi", "token"),
}
"""Causes that an engine can report."""


VEC_FORMS = (("add", "subtract"), ("multiply", "subtract"), ("sum", "accumulate"))
"""Operations of VEC and the bit that makes another of each."""


def every_point() -> tuple[str, ...]:
    """Return the names of all points."""
    names: list[str] = []
    for name, page in PAGES.items():
        for field in page.FORMAT.fields:
            names += (f"{name}.{corner}" for corner in _corners(field))
        for register in page.REGISTERS:
            for field in register.fields:
                names += (f"{name} {register.name}.{corner}" for corner in _corners(field))
    names += (f"VEC {op}, {bit} = {value}" for op, bit in VEC_FORMS for value in (0, 1))
    for engine in QUEUED_ENGINES:
        names += (f"{engine} {flag.name}" for flag in _FLAGS)
        names += (f"{engine} stalls for {cause}" for cause in CAUSES)
    names += (f"{a} while {b}" for a, b in RUNNING)
    names += (f"{engine} fault {cause}" for engine, causes in FAULTS_OF.items() for cause in causes)
    return tuple(names)


def points_of(timeline: Timeline) -> Counter[str]:
    """Return how often a run reached each point that it reached."""
    columns, issued = timeline.columns, timeline.issue >= 0
    reached_pcs = issued.copy()
    reached_pcs[[fault.pc for fault in timeline.faults if fault.pc < columns.count]] = True
    found: Counter[str] = Counter()
    for name, page in PAGES.items():
        group = columns.groups[name]
        seen = reached_pcs[group.pcs]
        for field in page.FORMAT.fields:
            found.update(dict(_met(f"{name}.", field, group[field.name][seen])))
        for register in page.REGISTERS:
            for field in register.fields:
                values = group.registers[register.name][field.name][seen]
                found.update(dict(_met(f"{name} {register.name}.", field, values)))
    vec = columns.groups["VEC"]
    for op, bit in VEC_FORMS:
        seen = reached_pcs[vec.pcs] & (vec["op"] == VEC_OPS.index(op))
        for value in (0, 1):
            found[f"VEC {op}, {bit} = {value}"] += int((vec[bit][seen] == value).sum())
    for engine in QUEUED_ENGINES:
        mine = columns.engine == ENGINES.index(engine)
        for flag in _FLAGS:
            found[f"{engine} {flag.name}"] += int(columns.header(flag.name)[mine & issued].sum())
        for index, cause in enumerate(CAUSES):
            stalls = int((timeline.stalls[mine, index] > 0).sum())
            found[f"{engine} stalls for {cause}"] += stalls
    for a, b in RUNNING:
        found[f"{a} while {b}"] += _together(timeline, a, b)
    if timeline.fault is not None:
        found[f"{timeline.fault.engine} fault {timeline.fault.cause}"] += 1
    return +found


def reached(runs: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return how often runs reached each point, 0 where none did; `runs`: what each reached."""
    total: Counter[str] = Counter()
    for points in runs:
        total.update(points)
    return {name: total[name] for name in every_point()}


_FLAGS = tuple(field for field in HEADER if field.name.startswith(("wait_", "signal_")))


def _corners(field: Field) -> list[str]:
    if field.names:
        return [f"{field.name} = {name}" for name in field.names]
    if field.width_bits <= FEW_BITS:
        return [f"{field.name} = {value}" for value in range(1 << field.width_bits)]
    signs = ("< 0", "> 0") if field.signed else ()
    bits = (f"bit {bit}" for bit in range(field.width_bits - int(field.signed)))
    return [f"{field.name} {which}" for which in ("= 0", *signs, *bits)]


def _met(prefix: str, field: Field, values: Column) -> Iterator[tuple[str, int]]:
    """Yield the corners of a field and how many of `values` are there."""
    if field.names or field.width_bits <= FEW_BITS:
        most = len(field.names) or 1 << field.width_bits
        times = [int((values == value).sum()) for value in range(most)]
    else:
        tests = [values == 0, *([values < 0, values > 0] if field.signed else [])]
        bits = np.arange(field.width_bits - int(field.signed))
        found = (np.abs(values)[:, None] >> bits & 1).sum(axis=0)
        times = [*(int(test.sum()) for test in tests), *found.tolist()]
    for corner, count in zip(_corners(field), times, strict=True):
        yield prefix + corner, count


def _together(timeline: Timeline, a: str, b: str) -> int:
    """Return how many instructions `a` ran while a `b` did."""
    spans = []
    for name in (a, b):
        pcs = timeline.columns.groups[name].pcs
        pcs = pcs[timeline.issue[pcs] >= 0]
        ends = np.where(timeline.retire[pcs] < 0, timeline.cycles, timeline.retire[pcs])
        spans.append((timeline.issue[pcs], ends))
    (first, last), (others, other_ends) = spans
    if not len(first) or not len(others):
        return 0
    order = np.argsort(others)
    begun = np.searchsorted(others[order], last, side="right") - 1
    furthest = np.maximum.accumulate(other_ends[order])
    return int(((begun >= 0) & (furthest[begun] >= first)).sum())


UNREACHED = {
    **{
        f"{engine}.region = {region}": f"random programs do not {what} that region"
        for engine, what, regions in (("LD", "load", (2, 6, 7)), ("ST", "store to", (1, 4, 5)))
        for region in regions
    },
    "FETCH fault axi": "a comparison's memory holds the program: tools/mutation/control.py has it",
}
"""Points that no random program reaches, and why."""
