"""A minute of damaged files of every kind: each is a result or one line."""

from __future__ import annotations

import os
from pathlib import Path

from tests.fuzz.campaign import Child, campaign
from tests.fuzz.operators import DIFFERENCES_MOST, differences, kinds
from tests.fuzz.target import TARGETS

SECONDS = 60


def test_a_minute_of_damage(tmp_path: Path) -> None:
    seed = int(os.environ.get("NPUSIM_FUZZ_SEED", "1"))
    found = campaign(SECONDS, seed, tmp_path)
    assert not found.findings, "\n".join(found.findings)
    assert found.thrown.keys() == TARGETS.keys()
    assert found.answers["refused"] > 0


def test_a_finding_is_found(tmp_path: Path) -> None:
    """A process that ends without an answer is one."""
    child = Child()
    lines, said = child.ask(tmp_path / "missing.toml")
    assert lines > 0
    assert said.startswith("refused")
    assert child.ask(tmp_path / "missing.toml")[0] == 0
    assert child.ask(tmp_path / "no.ending")[1].startswith("FOUND")
    child.end()


def test_files_of_one_operator(tmp_path: Path) -> None:
    """One of each kind that a night draws thousands of; what differs is named by its seed."""
    for kind, compare in kinds(tmp_path).items():
        assert differences(compare, range(99, 100)) == (1, []), kind

    def always_wrong(seed: int) -> None:
        raise AssertionError(f"byte {seed} differs")

    count, found = differences(always_wrong, range(5, 5_000))
    assert count == len(found) == DIFFERENCES_MOST
    assert found[0] == "seed 5: AssertionError: byte 5 differs"
