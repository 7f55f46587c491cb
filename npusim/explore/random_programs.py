"""Random programs on both sides by the hundred thousand: in processes, on Dask, resumable.

A task is a seed. What it finds is small and final; a program that differs is drawn again from its
seed where it is shown and saved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from npusim.cosim.npu.random_runs import random_runs, timeline_of
from npusim.cosim.programs.points import points_of
from npusim.errors import NpuError
from npusim.explore.carry_out import HERE, Place, carry_out
from npusim.explore.sweep.execution import Job
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
        return Outcome({}, f"seed {seed}: {error}", final=False)
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
    place: Place = HERE,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Ran]:
    """Return what came of the program of each seed, in the order of the seeds.

    Parameters
    ----------
    machine
        Of all programs; None: drawn too.
    place
        Where the programs run and what is kept.
    progress
        Called with how many are done.

    Raises
    ------
    NpuError
        As carry_out; a program that could not be run on either side.
    """
    common = (machine, simulator, any_memory)
    of_all = "drawn" if machine is None else machine.to_toml()
    whole = {"machine": of_all, "simulator": simulator, "any_memory": any_memory,
             "program": program_hash()}  # fmt: skip
    keys = {seed: digest({**whole, "seed": seed}) for seed in seeds}
    found = carry_out(keys, lambda seed: Job(run_seed, (seed, *common)), place, progress)
    return [Ran(**ran) for ran in found.values()]
