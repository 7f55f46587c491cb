"""Verdicts stay while what they are about stays, and no longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutation import record as records
from tools.mutation.netlist import Mutant
from tools.mutation.record import Record

NETLIST = (
    "module \\npu_a\n  wire \\x\nend\nmodule \\npu_a__1\n  wire \\y\nend\nmodule \\npu_b\nend\n"
)
MUTANTS = [
    Mutant(1, "npu_a", 0, "mutate -module npu_a"),
    Mutant(2, "npu_a", 1, "mutate -module npu_a__1"),
    Mutant(3, "npu_b", 0, "mutate -module npu_b"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a netlist and a record of it: each mutant of npu_a has a verdict."""
    monkeypatch.setattr(records, "commit", lambda: "abc1234")
    (tmp_path / "base.il").write_text(NETLIST)
    record = Record(tmp_path / "record.json", MUTANTS, tmp_path)
    of_a, of_b = record.of["npu_a"], record.of["npu_b"]
    of_a.killed, of_a.equivalent, of_a.passed = {0}, {1}, {1: 24}
    of_b.unprovable = {0}
    for module in ("npu_a", "npu_a", "npu_b"):
        record.note_commit(module)
    record.save()
    return tmp_path


def loaded(folder: Path) -> Record:
    return Record(folder / "record.json", MUTANTS, folder)


def test_a_record_is_read_as_it_was_written(folder: Path) -> None:
    again = loaded(folder)
    assert again.of["npu_a"].killed == {0}
    assert again.of["npu_a"].equivalent == {1}
    assert again.of["npu_a"].passed == {1: 24}
    assert again.of["npu_a"].commits == ["abc1234"]
    assert again.of["npu_b"].unprovable == {0}
    assert [again.of[one.module].is_open(one) for one in MUTANTS] == [False, False, True]


def test_a_change_elsewhere_leaves_kills_and_takes_proofs(folder: Path) -> None:
    (folder / "base.il").write_text(NETLIST.replace("\\npu_b\n", "\\npu_b\n  wire \\z\n"))
    again = loaded(folder)
    assert again.of["npu_a"].killed == {0}
    assert again.of["npu_a"].equivalent == set()
    assert again.of["npu_b"].commits == []


def test_a_change_of_a_variant_takes_all_of_its_module(folder: Path) -> None:
    (folder / "base.il").write_text(NETLIST.replace("\\y", "\\z"))
    again = loaded(folder)
    assert again.of["npu_a"].killed == set()
    assert again.of["npu_a"].passed == {}
    assert again.of["npu_b"].commits == ["abc1234"]
    assert again.of["npu_b"].unprovable == set()


def test_other_mutations_are_other_verdicts(folder: Path) -> None:
    others = [Mutant(one.number, one.module, one.place, one.command + " x") for one in MUTANTS]
    again = Record(folder / "record.json", others, folder)
    assert again.of["npu_a"].killed == set()
