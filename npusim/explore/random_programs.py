"""Random programs on both sides by the hundred thousand: in processes, on Dask, resumable.

A task is a seed. What it finds is small and final; a program that differs is drawn again from its
seed where it is shown and saved.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from npusim.cosim.npu.random_runs import random_runs, timeline_of
from npusim.cosim.programs.points import points_of
from npusim.errors import NpuError, UnsupportedError
from npusim.explore.sweep.execution import Job, chosen
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.tasks import Outcome, digest, program_hash
from npusim.machines import Machine


@dataclass(frozen=True)
class Ran:
    """What came of one random program."""

    seed: int
    family: str
    instructions: int
    cycles: int
    events: int
    seconds: float
    """The Verilog's wall time."""
    difference: str
    points: dict[str, int]
    """How often it reached each point of the instruction set that it reached."""


def run_seed(seed: int, machine: Machine | None, simulator: str, any_memory: bool) -> Outcome:
    """Compare the random program of a seed; the task that a worker carries out."""
    try:
        (run,) = random_runs(
            machine, range(seed, seed + 1), simulator=simulator, any_memory=any_memory
        )
    except NpuError as error:
        return Outcome({}, str(error), final=False)
    found = run.comparison
    return Outcome(
        asdict(
            Ran(
                seed, run.family, found.instructions, found.cycles, found.events,
                found.rtl_seconds, found.difference,
                dict(points_of(timeline_of(run.program, run.code))),
            )
        )
    )  # fmt: skip


def run_seeds(
    machine: Machine | None,
    seeds: range,
    *,
    simulator: str,
    any_memory: bool,
    workers: int | None = None,
    scheduler: str | None = None,
    journal: Path | None = None,
    resume: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Ran]:
    """Return what came of the program of each seed, in the order of the seeds.

    Parameters
    ----------
    machine
        Of all programs; None: drawn too.
    workers, scheduler
        Processes of this machine, or the address of a Dask cluster; this process where both are
        None.
    journal
        A file's name, beside which what is finished is kept in `NAME.sweep`.
    resume
        Continue what is in the journal: what it holds of these seeds is not run again.
    progress
        Called with how many are done.

    Raises
    ------
    NpuError
        Workers and scheduler both, no answer of the scheduler, a journal that cannot be used, or a
        program that could not be run on either side.
    """
    common = (machine, simulator, any_memory)
    of_all = "drawn" if machine is None else machine.to_toml()
    whole = {"machine": of_all, "simulator": simulator, "any_memory": any_memory,
             "program": program_hash()}  # fmt: skip
    keys = {seed: digest({**whole, "seed": seed}) for seed in seeds}
    found: dict[int, Ran] = {}
    kept = nullcontext(None) if journal is None else Journal(journal, resume)
    with kept as finished, chosen(workers, scheduler) as run:
        if finished is not None:
            found = {s: Ran(**finished[k].found) for s, k in keys.items() if k in finished}
        left = [seed for seed in seeds if seed not in found]
        progress(len(found))
        for i, outcome in run([Job(run_seed, (seed, *common)) for seed in left]):
            if outcome.error:
                raise UnsupportedError(f"seed {left[i]}: {outcome.error}")
            if finished is not None:
                finished.add(keys[left[i]], outcome)
            found[left[i]] = Ran(**outcome.found)
            progress(len(found))
        if finished is not None:
            finished.complete()
    return [found[seed] for seed in seeds]
