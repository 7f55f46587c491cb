"""Mutation score of the control modules: how many broken ones the random programs notice.

    python -m tools.mutation.control [MODULE ...] [--mutants 20] [--seed 1] [--programs 200]
        [--programs-seed 1] [--record FILE] [--keep FOLDER] [--workers N]
        [--proofs none|module|machine]

Every module of npu_top that is not a datapath unit is mutated (netlist.py). The machine with one
mutation switched on runs the random programs, good and bad, that reach it (reach.py), on Verilator,
until its first difference from the simulator: an event, its cycle, a byte, a register, or a run
that does not end. A mutant that passes all programs is compared with the original by proof
(proof.py: an equivalent mutant is no fault).

Run without a module, the table in docs/verification.md is written anew. With --record the verdicts
stand in a file too, and a later run with other programs begins with what is open there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from npusim.machines import Machine
from tools.markdown import header, row
from tools.mutation.cases import Judge, cases, mutated_machine, network_cases
from tools.mutation.datapath import DOCUMENT, write_section
from tools.mutation.netlist import Mutant, build, control_modules, elaborate, list_mutants
from tools.mutation.proof import Prover
from tools.mutation.record import Record, Verdicts

LEAST_SCORE = 0.90
FIRST_PROGRAMS = 24
"""They notice most mutants, and give each its place in the scores."""
COMMAND = "python -m tools.mutation.control"


@dataclass
class Score:
    """What became of the mutants of one module."""

    killed: int = 0
    equivalent: int = 0
    surviving: list[Mutant] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Return killed / (killed + surviving)."""
        return self.killed / max(1, self.killed + len(self.surviving))


def score_of(verdicts: Verdicts, mutants: Sequence[Mutant]) -> Score:
    """Return what became of the mutants of one module that have been judged."""
    return Score(
        len(verdicts.killed),
        len(verdicts.equivalent),
        [one for one in mutants if verdicts.survives(one)],
    )


def score_row(name: str, score: Score, *others: object) -> str:
    """Return a line of the table."""
    counts = (score.killed, score.equivalent, len(score.surviving))
    return row(name, sum(counts), *counts, f"{100 * score.score:.1f} %", *others)


def table(scores: dict[str, Score], record: Record, command: str) -> str:
    """Return the Markdown of the scores and of every mutant that is open."""
    whole = Score(
        sum(score.killed for score in scores.values()),
        sum(score.equivalent for score in scores.values()),
        [mutant for score in scores.values() for mutant in score.surviving],
    )
    lines = [
        f"Written by `{command}`. A module's verdicts stand as long as its own Verilog, and were "
        "gathered in runs on the machine of the commits in its row; each run goes on with what is "
        "open before it. A module has as many mutants here as were judged when the last run ended.",
        "",
        *header(
            "module", "mutants", "killed", "equivalent (proved)", "open", "at least", "commits"
        ),
        *(
            score_row(name, score, ", ".join(record.of[name].commits))
            for name, score in scores.items()
        ),
        score_row("**all**", whole, ""),
        "",
        f"Open, neither killed nor proved: {len(whole.surviving) or 'none'}. Before each stands "
        "how many programs it has passed.",
        "",
        *(
            f"* {record.of[mutant.module].passed[mutant.place]}: {mutant.where}: {mutant.what}"
            for mutant in whole.surviving
        ),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Print a line for each mutant, write the table; 1 where the whole score is below the least."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=control_modules())
    parser.add_argument("--mutants", type=int, default=20)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs-seed", type=int, default=1)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--keep", type=Path, help="Has the netlist and its build, or gets them.")
    parser.add_argument("--proofs", choices=("none", "module", "machine"), default="machine")
    parser.add_argument("--workers", type=int, default=1, help="Simulations at once.")
    options = parser.parse_args()
    machine = mutated_machine()
    with tempfile.TemporaryDirectory(prefix="npusim-") as name:
        folder = Path(name) if options.keep is None else options.keep
        if not (folder / "base.il").exists():
            folder.mkdir(parents=True, exist_ok=True)
            elaborate(machine, folder)
        mutants = list_mutants(control_modules(), options.mutants, options.seed, folder)
        record = Record(options.record, mutants, folder)
        run(mutants, machine, record, options, folder)
    scores = {
        module: score_of(record.of[module], [one for one in mutants if one.module == module])
        for module in control_modules()
    }
    if set(options.modules) == set(control_modules()):
        command = f"{COMMAND} --mutants {options.mutants} --seed {options.seed}"
        if options.record:
            command += f" --record {options.record}"
        text = table(scores, record, command)
        write_section(DOCUMENT, "control-mutation", text)
    killed = sum(scores[module].killed for module in options.modules)
    surviving = sum(len(scores[module].surviving) for module in options.modules)
    return int(killed < LEAST_SCORE * (killed + surviving))


def run(
    mutants: Sequence[Mutant], machine: Machine, record: Record, options: Namespace, folder: Path
) -> None:
    """Judge what `record` leaves open of `options.modules`, and print a line for each verdict.

    A few programs come first, then the others, and last the proofs.
    """

    def still_open() -> list[Mutant]:
        mine = (mutant for mutant in in_turn(mutants) if mutant.module in options.modules)
        return [mutant for mutant in mine if record.of[mutant.module].is_open(mutant)]

    def decide(
        verdict: str, holds: Callable[[Mutant], bool], workers: int = 1, programs: int = 0
    ) -> None:
        mutants = still_open()
        with ThreadPoolExecutor(workers) as pool:  # what takes long are processes
            for mutant, is_decided in zip(mutants, pool.map(holds, mutants), strict=True):
                verdicts = record.of[mutant.module]
                if is_decided:
                    getattr(verdicts, verdict).add(mutant.place)
                    print(f"{verdict} {mutant.number} {mutant.where}: {mutant.what}", flush=True)
                elif programs:
                    verdicts.passed[mutant.place] = verdicts.passed.get(mutant.place, 0) + programs
                record.note_commit(mutant.module)
                record.save()

    if options.programs:
        simulation = build(machine, list(mutants), folder)
        programs = cases(machine, options.programs, options.programs_seed)
        first = [*network_cases(machine), *programs[:FIRST_PROGRAMS]]
        for some in filter(None, (first, programs[FIRST_PROGRAMS:])):
            by = Judge(simulation, some)
            decide("killed", by.notices, options.workers, len(some))
            for mutant in still_open():
                reaching = len(by.reaching(mutant))
                print(f"open {mutant.number} {mutant.where}: {mutant.what}: {reaching} reach it")
    prover = Prover(mutants, folder)
    if options.proofs != "none":
        decide("equivalent", prover.is_equivalent_alone)
    if options.proofs == "machine":

        def is_proved(mutant: Mutant) -> bool:
            unprovable = record.of[mutant.module].unprovable
            if mutant.place in unprovable or prover.is_equivalent(mutant):
                return mutant.place not in unprovable
            unprovable.add(mutant.place)
            return False

        decide("equivalent", is_proved)


def in_turn(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Return the first mutant of each module, then the second of each, and so on."""
    return sorted(mutants, key=lambda mutant: mutant.place)


if __name__ == "__main__":
    sys.exit(main())
