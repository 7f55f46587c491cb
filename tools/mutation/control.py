"""Mutation score of the control modules: how many broken ones the random programs notice.

    python -m tools.mutation.control [MODULE ...] [--mutants 20] [--seed 1] [--programs 200]
        [--programs-seed 1] [--record FILE] [--keep FOLDER]

Every module of npu_top that is not a datapath unit is mutated (mutant_netlist.py). The machine
with one mutation switched on runs random programs, good and bad, on Verilator, until its first
difference from the simulator: an event, its cycle, a byte, a register, or a run that does not end.
A mutant that passes all programs is compared with the original by proof (mutant_proof.py: an
equivalent mutant is no fault).

Run without a module, the table in docs/verification.md is written anew. With --record the verdicts
stand in a file too, and a later run with other programs begins with what is open there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from npusim.cosim.errors import CosimulationError
from npusim.machines import Machine
from tools.checkout import commit
from tools.markdown import header, row
from tools.mutation.cases import Judge, cases, mutated_machine
from tools.mutation.datapath import DOCUMENT, write_section
from tools.mutation.netlist import Mutant, build, control_modules, elaborate, list_mutants
from tools.mutation.proof import Prover

LEAST_SCORE = 0.90
VERDICTS = ("killed", "equivalent", "unprovable", "tried")
FIRST_PROGRAMS = 24
"""They notice most mutants; for what is left a proof takes less than all the others."""
COMMAND = "python -m tools.mutation.control"


@dataclass
class Score:
    """What became of the mutants of one module."""

    killed: int = 0
    equivalent: list[Mutant] = field(default_factory=list)
    surviving: list[Mutant] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Return killed / (killed + surviving)."""
        return self.killed / max(1, self.killed + len(self.surviving))


@dataclass
class Record:
    """The mutants that are decided, by number; those without a proof; the programs of all runs.

    `tried` are those that the first programs have judged: others, where a run was stopped, have no
    place in the scores.
    `netlist` says which netlist and mutations they number, `commit` of which sources.
    """

    netlist: str
    killed: set[int] = field(default_factory=set)
    equivalent: set[int] = field(default_factory=set)
    unprovable: set[int] = field(default_factory=set)
    tried: set[int] = field(default_factory=set)
    programs: int = 0
    commit: str = field(default_factory=commit)

    @classmethod
    def load(cls, path: Path | None, netlist: str) -> Record:
        """Return the record of earlier runs; an empty one where there is none."""
        if path is None or not path.exists():
            return cls(netlist)
        found = json.loads(path.read_text())
        if found["netlist"] != netlist:
            raise CosimulationError(
                f"{path}: expected verdicts on the netlist {netlist}, found {found['netlist']}"
            )
        sets = {name: set(found[name]) for name in VERDICTS}
        return cls(netlist, **sets, programs=found["programs"], commit=found["commit"])

    def save(self, path: Path | None) -> None:
        """Write the record to `path`."""
        if path is not None:
            sets = {name: sorted(getattr(self, name)) for name in VERDICTS}
            found: dict[str, object] = {"netlist": self.netlist, "commit": self.commit, **sets}
            found["programs"] = self.programs
            path.write_text(json.dumps(found) + "\n")

    def score(self, module: str, mutants: Sequence[Mutant]) -> Score:
        """Return what became of the mutants of `module`."""
        mine = [one for one in mutants if one.module == module and one.number in self.tried]
        return Score(
            sum(mutant.number in self.killed for mutant in mine),
            [mutant for mutant in mine if mutant.number in self.equivalent],
            [mutant for mutant in mine if mutant.number not in self.killed | self.equivalent],
        )


def score_row(name: str, score: Score) -> str:
    """Return a line of the table."""
    counts = (score.killed, len(score.equivalent), len(score.surviving))
    return row(name, sum(counts), *counts, f"{100 * score.score:.1f} %")


def table(scores: dict[str, Score], record: Record, command: str) -> str:
    """Return the Markdown of the scores and of every mutant that is open."""
    whole = Score(
        sum(score.killed for score in scores.values()),
        [mutant for score in scores.values() for mutant in score.equivalent],
        [mutant for score in scores.values() for mutant in score.surviving],
    )
    lines = [
        f"Written by `{command}` on the Verilog of commit {record.commit}. The verdicts were "
        f"gathered over runs with {record.programs} programs in all; each run went on with what "
        "was open before it. A module has as many mutants here as were judged when the last "
        "run ended.",
        "",
        *header("module", "mutants", "killed", "equivalent (proved)", "open", "at least"),
        *(score_row(name, score) for name, score in scores.items()),
        score_row("**all**", whole),
        "",
        f"Open, neither killed nor proved: {len(whole.surviving) or 'none'}.",
        "",
        *(f"* {mutant.where}: {mutant.what}" for mutant in whole.surviving),
    ]
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
    options = parser.parse_args()
    machine = mutated_machine()
    with tempfile.TemporaryDirectory(prefix="npusim-") as name:
        folder = Path(name) if options.keep is None else options.keep
        if not (folder / "base.il").exists():
            folder.mkdir(parents=True, exist_ok=True)
            elaborate(machine, folder)
        mutants = list_mutants(control_modules(), options.mutants, options.seed, folder)
        record = Record.load(options.record, identity(mutants, folder))
        if options.programs:
            run(mutants, machine, record, options, folder)
    scores = {module: record.score(module, mutants) for module in control_modules()}
    if set(options.modules) == set(control_modules()):
        command = f"{COMMAND} --mutants {options.mutants} --seed {options.seed}"
        if options.record:
            command += f" --record {options.record}"
        text = table(scores, record, command)
        write_section(DOCUMENT, "control-mutation", text)
    killed = sum(scores[module].killed for module in options.modules)
    surviving = sum(len(scores[module].surviving) for module in options.modules)
    return int(killed < LEAST_SCORE * (killed + surviving))


def identity(mutants: Sequence[Mutant], folder: Path) -> str:
    """Return a hash of the netlist in `folder` and of its mutations (16 hexadecimal digits)."""
    digest = hashlib.sha256((folder / "base.il").read_bytes())
    digest.update("\n".join(mutant.command for mutant in mutants).encode())
    return digest.hexdigest()[:16]


def run(
    mutants: Sequence[Mutant], machine: Machine, record: Record, options: Namespace, folder: Path
) -> None:
    """Judge what `record` leaves open of `options.modules`, and print a line for each verdict.

    A few programs come first, then proofs, and last the other programs.
    """
    simulation = build(machine, list(mutants), folder)
    by = Judge(simulation, cases(machine, options.programs, options.programs_seed))
    every = range(options.programs)
    first, rest = every[:FIRST_PROGRAMS], every[FIRST_PROGRAMS:]
    require_agreement(by, first)
    prover = Prover(mutants, folder)

    def is_open(mutant: Mutant) -> bool:
        decided = record.killed | record.equivalent
        return mutant.module in options.modules and mutant.number not in decided

    def decide(verdict: str, numbers: set[int], holds: Callable[[Mutant], bool]) -> None:
        for mutant in filter(is_open, in_turn(mutants)):
            if holds(mutant):
                numbers.add(mutant.number)
                print(f"{verdict} {mutant.number} {mutant.where}: {mutant.what}", flush=True)
            record.tried.add(mutant.number)
            record.save(options.record)

    def is_proved(mutant: Mutant) -> bool:
        if mutant.number in record.unprovable or prover.is_equivalent(mutant):
            return mutant.number not in record.unprovable
        record.unprovable.add(mutant.number)
        return False

    decide("killed", record.killed, lambda mutant: by.notices(mutant.number, first))
    decide("equivalent", record.equivalent, is_proved)
    require_agreement(by, rest)
    decide("killed", record.killed, lambda mutant: by.notices(mutant.number, rest))
    record.programs += options.programs
    record.save(options.record)
    for mutant in filter(is_open, mutants):
        print(f"open {mutant.number} {mutant.where}: {mutant.what}", flush=True)


def require_agreement(by: Judge, programs: range) -> None:
    """Raise where one of `programs` notices the original."""
    if by.notices(0, programs):
        raise CosimulationError("the original fails: run npusim verify --random first")


def in_turn(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Return the first mutant of each module, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    places = {}
    for mutant in mutants:
        places[mutant.number] = seen[mutant.module]
        seen[mutant.module] += 1
    return sorted(mutants, key=lambda mutant: places[mutant.number])


if __name__ == "__main__":
    sys.exit(main())
