"""Result files: whole or not at all, and never in the place of what is no file."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from npusim.cli import app
from npusim.errors import FormatError
from npusim.writing import require_writable, whole_file


def write(path: Path) -> None:
    require_writable(path)
    with whole_file(path) as file:
        file.write(b"new")


def test_a_file_is_replaced_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with suppress(ZeroDivisionError), whole_file(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    write(path)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path, exists: bool) -> None:
    path, link = tmp_path / "x", tmp_path / "link"
    link.symlink_to("x")
    if exists:
        path.write_text("old")
    write(link)
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert sorted(tmp_path.iterdir()) == [link, path]


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write(pipe)
    reader.join()
    assert found == [b"new"]
    assert pipe.is_fifo()


def test_a_full_disk_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(FormatError, match="/dev/full: cannot write it: No space left"):
        write(full)
    assert full.is_char_device()

    def print_in_vain(**_: object) -> int:
        with full.open("w") as stdout:
            print("a table", file=stdout)
        return 0

    monkeypatch.setattr(app, "app", print_in_vain)
    monkeypatch.setattr(sys, "argv", ["npusim"])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == "npusim: output: No space left on device\n"
