"""A sweep: every point of a space once, its finished tasks kept in a journal, one row a point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npusim.errors import NpuError
from npusim.explore.sweep.execution import Job, Run
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.machines import MachineChoice
from npusim.explore.sweep.schemes import SchemeChoice
from npusim.explore.sweep.space import Point, Space
from npusim.explore.sweep.tasks import Outcome, Source, digest, encode, price, program_hash

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how many of its tasks are finished, and how many there are."""


@dataclass(frozen=True)
class Planned:
    """A point with the keys of its two tasks; `illegal` says why its machine is none."""

    point: Point
    encode_key: str
    price_key: str
    illegal: str


@dataclass(frozen=True)
class Swept:
    """The rows of a sweep in the order of the space, and how they came about.

    `repeated`: points of the space that were the same as one before. `reused`, `executed`: tasks
    (a network in a scheme, or a point) found in the journal, and carried out.
    """

    rows: tuple[Mapping[str, Any], ...]
    repeated: int
    reused: int
    executed: int


def sweep(
    space: Space,
    sources: Mapping[str, Source],
    journal: Journal,
    run: Run,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Swept:
    """Return the rows of every distinct point of `space`.

    Parameters
    ----------
    space, sources
        The space, and the content of each of its networks by name.
    journal
        Where finished tasks are found and kept.
    run
        What carries tasks out, see execution.py.
    threads
        Processor cores that one task may use; all when None.

    Raises
    ------
    FormatError
        A constraint cannot be evaluated, the journal cannot be written, a cluster is lost. What a
        point does wrong is an error in its row.
    """
    planned, repeated = plan(space, sources)
    encodings = {p.encode_key: p for p in planned if not p.illegal}
    jobs = {
        key: Job(encode, (sources[p.point.network.name], p.point.scheme, threads))
        for key, p in encodings.items()
        if key not in journal
    }
    reused, executed = len(encodings) - len(jobs), len(jobs)
    _carry_out("quantizing", jobs, journal, run, progress)
    ready = [p for p in planned if not p.illegal and journal[p.encode_key].model is not None]
    jobs = {}
    for p in ready:
        if p.price_key not in journal:
            model = journal[p.encode_key].model
            jobs[p.price_key] = Job(price, (model, p.point.machine, p.point.network.requant))
    reused, executed = reused + len(ready) - len(jobs), executed + len(jobs)
    _carry_out("compiling and timing", jobs, journal, run, progress)
    return Swept(tuple(_row(p, journal) for p in planned), repeated, reused, executed)


def plan(space: Space, sources: Mapping[str, Source]) -> tuple[list[Planned], int]:
    """Return the distinct points of the space in its order, and how many were like one before."""
    networks = {name: source.key for name, source in sources.items()}
    illegal = {machine.name: _illegal(machine) for machine in space.machines}
    planned: dict[str, Planned] = {}
    repeated = 0
    for point in space.points():
        encode_key = digest(
            {
                "npusim": program_hash(),
                "source": networks[point.network.name],
                "scheme": _scheme_key(point.scheme),
            }
        )
        price_key = digest({"encoded": encode_key, "machine": dict(point.machine.keys)})
        if price_key in planned:
            repeated += 1
            continue
        planned[price_key] = Planned(point, encode_key, price_key, illegal[point.machine.name])
    return list(planned.values()), repeated


def _scheme_key(scheme: SchemeChoice) -> list[Any]:
    return [scheme.scheme, scheme.bits, dict(scheme.settings)]


def _illegal(machine: MachineChoice) -> str:
    """Return why a machine is none; empty where it is one."""
    try:
        machine.machine()
    except NpuError as error:
        return " ".join(str(error).split())
    return ""


def _carry_out(
    what: str, jobs: Mapping[str, Job], journal: Journal, run: Run, progress: Progress | None
) -> None:
    keys: Sequence[str] = list(jobs)
    if progress is not None:
        progress(what, 0, len(keys))
    for done, (i, outcome) in enumerate(_finished(run, list(jobs.values())), 1):
        journal.add(keys[i], outcome)
        if progress is not None:
            progress(what, done, len(keys))


def _finished(run: Run, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
    if jobs:
        yield from run(jobs)


def _row(planned: Planned, journal: Journal) -> dict[str, Any]:
    point = planned.point
    row: dict[str, Any] = {
        "machine": point.machine.name,
        **point.machine.keys,
        "network": point.network.name,
        "scheme": point.scheme.scheme,
        "bits": point.scheme.bits,
        "settings": point.scheme.text,
        "error": planned.illegal,
        "inputs": planned.price_key,
    }
    for key in (planned.encode_key, planned.price_key):
        if not row["error"] and key in journal:
            outcome = journal[key]
            row.update(outcome.found)
            row["error"] = outcome.error
    return row
