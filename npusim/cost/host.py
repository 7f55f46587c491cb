"""Host operators: what the core beside the NPU takes for a node that the machine leaves to it.

    cycles = call + max(elements * element + macs * mac, moved bytes / bandwidth)

`elements` are the values of the inputs that are computed, or of the outputs where they are more.
An operator that runs networks of its own (a loop, a branch) costs what a turn of their nodes costs.
The prices stand in the machine's TOML, [host]; the cycles are of the host's own clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from npusim.isa.program import Program, Step
from npusim.machines import Host


@dataclass(frozen=True)
class HostCost:
    """One node on the host core, for one sample; `cycles` of the host's clock."""

    name: str
    operator: str
    macs: int
    elements: int
    moved_bytes: int
    cycles: int
    energy_pj: float

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        return asdict(self)


def host_cost(host: Host, step: Step) -> HostCost:
    """Return what a host step of a program costs on `host`."""
    work = step.elements * host.cycles_per_element + step.macs * host.cycles_per_mac
    cycles = host.call_cycles + max(ceil(work), ceil(step.moved_bytes / host.bytes_per_cycle))
    return HostCost(
        step.node, step.operator, step.macs, step.elements, step.moved_bytes, cycles,
        cycles * host.pj_per_cycle,
    )  # fmt: skip


def host_costs(program: Program) -> tuple[HostCost, ...]:
    """Return the cost of all that `program` leaves to the host, in order: nodes, then its state."""
    return tuple(
        host_cost(program.machine.host, step) for step in program.steps if step.kind != "run"
    )


def total_cycles(rows: Iterable[HostCost]) -> int:
    """Return the host's cycles of all rows."""
    return sum(row.cycles for row in rows)
