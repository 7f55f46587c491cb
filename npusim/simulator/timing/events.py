"""The event trace: `cycle engine pc event crc32`, one line each, as the RTL's tracer writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from npusim.isa.spec import ENGINES
from npusim.simulator.timing.faults import AT_RETIREMENT
from npusim.simulator.timing.timeline import CAUSES, Timeline

_ORDER = {"issue": 0, "stall": 1, "fault": 2, "retire": 3}


class Event(NamedTuple):
    """One line of the trace: `last` is a crc32 at retire, a length in cycles at stall, else 0."""

    cycle: int
    engine: str
    pc: int
    event: str
    last: int

    def __str__(self) -> str:
        last = f"{self.last:08x}" if self.event == "retire" else str(self.last)
        return f"{self.cycle} {self.engine} {self.pc} {self.event} {last}"


def events(timeline: Timeline, crcs: Mapping[int, int]) -> list[Event]:
    """Return the trace; `crcs`: pc -> crc32 of the bytes that it wrote, 0 where it wrote none."""
    found = [Event(f.cycle, f.engine, f.pc, f"fault:{f.cause}", 0) for f in timeline.faults]
    not_retired = {f.pc for f in timeline.faults if f.cause in AT_RETIREMENT}
    engines = [ENGINES[e] for e in timeline.columns.engine.tolist()]
    for pc in np.flatnonzero(timeline.issue >= 0).tolist():
        found.append(Event(int(timeline.issue[pc]), engines[pc], pc, "issue", 0))
    for pc in np.flatnonzero(timeline.retire >= 0).tolist():
        if pc not in not_retired:
            crc = crcs.get(pc, 0)
            found.append(Event(int(timeline.retire[pc]), engines[pc], pc, "retire", crc))
    starts = timeline.stall_start[:, None] + np.cumsum(timeline.stalls, axis=1) - timeline.stalls
    for pc, cause in np.argwhere(timeline.stalls > 0).tolist():
        length = int(timeline.stalls[pc, cause])
        name = f"stall:{CAUSES[cause]}"
        found.append(Event(int(starts[pc, cause]), engines[pc], pc, name, length))
    return sorted(found, key=_key)


def _key(event: Event) -> tuple[int, int, int]:
    return event.cycle, ENGINES.index(event.engine), _ORDER[event.event.partition(":")[0]]
