"""A minute of damaged files of every kind: each is a result or one line."""

from __future__ import annotations

import os
from pathlib import Path

from tests.fuzz.campaign import Child, campaign
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
    assert child.ask(tmp_path / "missing.toml").startswith("refused")
    assert child.ask(tmp_path / "no.ending").startswith("FOUND")
    child.end()
