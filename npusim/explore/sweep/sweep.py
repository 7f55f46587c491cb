"""A sweep: every point of a space once, its finished tasks kept in a journal, one row a point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npusim.errors import NpuError
from npusim.explore.sweep.execution import Job, Run
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.machines import MachineChoice
from npusim.explore.sweep.schemes import SchemeChoice
from npusim.explore.sweep.space import Point, Space
from npusim.explore.sweep.tasks import Source, digest, encode, price, program_hash

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


def sweep_space(
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
    ready: dict[str, Planned] = {}

    def encoding(key: str) -> Job:
        point = encodings[key].point
        return Job(encode, (sources[point.network.name], point.scheme, threads))

    def pricing(key: str) -> Job:
        point, model = ready[key].point, journal.model(ready[key].encode_key)
        return Job(price, (model, point.machine, point.network.requant))

    wanted = [key for key in encodings if key not in journal]
    executed = _carry_out("quantizing", wanted, encoding, journal, run, progress)
    legal = [p for p in planned if not p.illegal]
    ready = {p.price_key: p for p in legal if journal.has_model(p.encode_key)}
    wanted = [key for key in ready if key not in journal]
    executed += _carry_out("compiling and timing", wanted, pricing, journal, run, progress)
    reused = len(encodings) + len(ready) - executed
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


class _Jobs(Sequence[Job]):
    """Jobs by key, each made when it is asked for: a job holds a whole network."""

    def __init__(self, keys: Sequence[str], make: Callable[[str], Job]) -> None:
        self._keys, self._make = keys, make

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, i: Any) -> Any:
        return self._make(self._keys[i])


def _carry_out(
    what: str,
    keys: Sequence[str],
    make: Callable[[str], Job],
    journal: Journal,
    run: Run,
    progress: Progress | None,
) -> int:
    """Carry out the tasks `keys`, keep what they give, and return how many they are."""
    if progress is not None:
        progress(what, 0, len(keys))
    finished = run(_Jobs(keys, make)) if keys else iter(())
    for done, (i, outcome) in enumerate(finished, 1):
        journal.add(keys[i], outcome)
        if progress is not None:
            progress(what, done, len(keys))
    return len(keys)


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
