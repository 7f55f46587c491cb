"""The journal of a sweep: what was finished is kept, what was cut short is done again."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from npusim.errors import FormatError
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.tasks import ModelFile, Outcome
from tests.explore.sweep_files import journal_of, keys_of

MODEL = ModelFile("net.onnx", b"\x00\x01 not really a network")
MADE = Outcome({"bytes": 12, "accuracy": 97.5, "seconds": 0.25}, model=MODEL)
PRICED = Outcome({"cycles": 1234, "utilization": 0.1})
FAILED = Outcome({}, "conv1: needs 9 words, nano has 8")
KILLED = Outcome({}, "its worker died 2 times", final=False)


def begin(results: Path) -> None:
    with Journal(results, resume=False) as journal:
        for key, outcome in (("a", MADE), ("b", PRICED), ("c", FAILED), ("d", KILLED)):
            journal.add(key, outcome)
            assert journal[key].error == outcome.error
            assert journal.has_model(key) == (key == "a")


def test_finished_tasks_are_found_again(tmp_path):
    results = tmp_path / "r.csv"
    begin(results)
    with Journal(results, resume=True) as journal:
        assert [key in journal for key in "abcde"] == [True, True, True, False, False]
        assert dict(journal["a"].found) == dict(MADE.found)
        model = journal.model("a")
        assert [journal.has_model(key) for key in "abc"] == [True, False, False]
        assert (model.name, model.content) == (MODEL.name, MODEL.content)
        assert dict(journal["b"].found) == dict(PRICED.found)
        assert journal["c"].error == FAILED.error
        journal.add("e", PRICED)
    assert keys_of(results) == ["a", "b", "c", "e"]


@pytest.mark.parametrize("lost", [1, 40, 4200])
def test_a_row_cut_short_is_dropped_and_its_task_done_again(tmp_path, lost):
    """Killed with its last write half on the disk, as after a power cut."""
    results = tmp_path / "r.csv"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from npusim.explore.sweep.journal import Journal\n"
        "from npusim.explore.sweep.tasks import Outcome\n"
        "journal = Journal(Path(sys.argv[1]), False)\n"
        "for key in 'abcd': journal.add(key, Outcome({'cycles': 1234}))\n"
        "os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(results)], check=False)
    assert killed.returncode == -9
    path = journal_of(results)
    log = path.with_name(f"{path.name}-wal")
    log.write_bytes(log.read_bytes()[:-lost])
    with Journal(results, resume=True) as journal:
        assert [key in journal for key in "abcd"] == [True, True, True, False]
        journal.add("d", PRICED)
    assert keys_of(results) == ["a", "b", "c", "d"]
    with Journal(results, resume=True) as journal:
        assert dict(journal["d"].found) == dict(PRICED.found)


def test_an_unfinished_sweep_is_not_forgotten_by_mistake(tmp_path):
    results = tmp_path / "r.csv"
    begin(results)
    with pytest.raises(FormatError, match=r"unfinished sweep with 4 finished tasks: .*--resume"):
        Journal(results, resume=False)
    with Journal(results, resume=True) as journal:
        journal.complete()
    with Journal(results, resume=False) as journal:
        assert "a" not in journal
    assert keys_of(results) == []


def test_a_finished_sweep_can_be_extended(tmp_path):
    results = tmp_path / "r.csv"
    begin(results)
    for key in "ef":
        with Journal(results, resume=True) as journal:
            journal.add(key, PRICED)
            journal.complete()
    with Journal(results, resume=True) as journal:
        assert [key in journal for key in "abcef"] == [True] * 5


@pytest.mark.parametrize("change", ["model = NULL", "model = x'00'", "model_name = 'net.tflite'"])
def test_a_model_that_is_not_what_was_written_is_made_again(tmp_path, change):
    results = tmp_path / "r.csv"
    begin(results)
    with closing(sqlite3.connect(journal_of(results))) as other, other:
        other.execute(f"UPDATE tasks SET {change} WHERE key = 'a'")
    with Journal(results, resume=True) as journal:
        assert "a" not in journal
        assert "b" in journal


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE tasks SET found = '{' WHERE key = 'b'", "expected a journal of a sweep"),
        (
            "UPDATE tasks SET found = '7' WHERE key = 'b'",
            "task b: expected what it found, read '7'",
        ),
        *(
            (f"UPDATE tasks SET model_name = {name} WHERE key = 'a'", "the name of a model file")
            for name in ("'../net.onnx'", "'/net.onnx'", "'..'", "''", "char(97, 0)")
        ),
        ("ALTER TABLE tasks RENAME COLUMN found TO lost", "no such column: found"),
        ("PRAGMA user_version = 99", "expected version 1, found 99"),
    ],
)
def test_damage_is_an_error_that_names_it(tmp_path, damage, message):
    results = tmp_path / "r.csv"
    begin(results)
    with closing(sqlite3.connect(journal_of(results))) as other, other:
        other.execute(damage)
    with pytest.raises(FormatError, match=message) as caught:
        Journal(results, resume=True)
    assert "r.csv.sweep" in str(caught.value)


def test_what_is_no_database_is_an_error(tmp_path):
    results = tmp_path / "r.csv"
    begin(results)
    journal_of(results).write_bytes(b"something else, and long enough to be read" * 100)
    with pytest.raises(FormatError, match=r"journal\.sqlite: expected a journal of a sweep"):
        Journal(results, resume=True)


def test_two_sweeps_cannot_write_one_journal(tmp_path):
    results = tmp_path / "r.csv"
    code = (
        "import sys; from pathlib import Path; from npusim.explore.sweep.journal import Journal\n"
        "with Journal(Path(sys.argv[1]), True): print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(results)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(FormatError, match="another sweep is writing it"):
        Journal(results, resume=True)
    other.kill()
    other.communicate()
    Journal(results, resume=True).__exit__()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "r.csv.sweep").write_text("a file")
    with pytest.raises(FormatError, match=r"r\.csv\.sweep: cannot write it"):
        Journal(tmp_path / "r.csv", resume=False)


def test_pages_of_a_database_that_are_damaged_are_one_line(tmp_path):
    with Journal(tmp_path / "r.csv", resume=False) as journal:
        for number in range(200):
            journal.add(f"{number:064}", Outcome({"cycles": number}, "", True))
    path = tmp_path / "r.csv.sweep" / "journal.sqlite"
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):  # behind the first one, which says the form
        content[page : page + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(FormatError, match="expected a journal of a sweep"):
        Journal(tmp_path / "r.csv", resume=True)
