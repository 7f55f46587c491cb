"""Verdicts on the mutants of control modules, kept in a file from run to run.

Verdicts belong to the text of a module: where its Verilog changes, those on it are dropped, and
those on other modules stay. A proof is of the whole machine, and is dropped where any of that
changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tools.checkout import commit
from tools.mutation.netlist import Mutant, module_texts


@dataclass
class Verdicts:
    """What is known of the mutants of one module, by their places in it.

    Attributes
    ----------
    text, machine
        Hashes of the module with its mutations, and of the whole machine that proofs are of.
    passed
        Of those that no program has noticed, how many had the chance. Those that nobody has judged
        are not here, and have no place in the scores.
    unprovable
        Those without a proof, though one was looked for.
    commits
        Of the sources, in each run that judged.
    """

    text: str
    machine: str
    passed: dict[int, int] = field(default_factory=dict)
    killed: set[int] = field(default_factory=set)
    equivalent: set[int] = field(default_factory=set)
    unprovable: set[int] = field(default_factory=set)
    commits: list[str] = field(default_factory=list)

    def is_open(self, mutant: Mutant) -> bool:
        """Return whether `mutant` is neither killed nor proved equivalent."""
        return mutant.place not in self.killed | self.equivalent

    def survives(self, mutant: Mutant) -> bool:
        """Return whether `mutant` has been judged and is open."""
        return mutant.place in self.passed and self.is_open(mutant)


class Record:
    """The verdicts on each module's mutants.

    Parameters
    ----------
    path
        A file of earlier runs, which `save` writes; None: no file.
    mutants
        All mutants of this run.
    folder
        Holds base.il.
    """

    def __init__(self, path: Path | None, mutants: Sequence[Mutant], folder: Path) -> None:
        self._path, self._commit = path, commit()
        texts = module_texts(folder)
        machine = _hash("".join(texts.values()))
        commands: dict[str, str] = {}
        for mutant in mutants:
            commands[mutant.module] = commands.get(mutant.module, "") + mutant.command
        self.of = {
            module: Verdicts(_hash(texts[module] + mutations), machine)
            for module, mutations in commands.items()
        }
        if path is not None and path.exists():
            for module, found in json.loads(path.read_text()).items():
                if module in self.of and found["text"] == self.of[module].text:
                    self.of[module] = _read(found, machine)

    def save(self) -> None:
        """Write the file, one line for each module."""
        if self._path is not None:
            lines = (f"{json.dumps(name)}: {_written(one)}" for name, one in self.of.items())
            self._path.write_text("{\n" + ",\n".join(lines) + "\n}\n")

    def note_commit(self, module: str) -> None:
        """Note that this commit's sources judged mutants of `module`."""
        if self._commit not in self.of[module].commits:
            self.of[module].commits.append(self._commit)


def _read(found: Mapping[str, Any], machine: str) -> Verdicts:
    values = {name: set(one) if isinstance(one, list) else one for name, one in found.items()}
    passed = {int(place): count for place, count in found["passed"].items()}
    read = Verdicts(**{**values, "passed": passed, "commits": found["commits"]})
    if read.machine != machine:
        read.machine, read.equivalent, read.unprovable = machine, set(), set()
    return read


def _written(verdicts: Verdicts) -> str:
    values = {
        name: sorted(one) if isinstance(one, set) else one for name, one in asdict(verdicts).items()
    }
    return json.dumps(values)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
