"""Result files: whole or not at all, and never in the place of what is no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from npusim.cli import app
from npusim.errors import FormatError
from npusim.writing import require_outputs, require_writable, whole_file, write_arrays

PLENTY_SECONDS = 60


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


@pytest.mark.parametrize("ending", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_leaves_no_half_of_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    number = getattr(signal, ending)

    def end_while_it_writes(**_: object) -> int:
        with whole_file(tmp_path / "x") as file:
            file.write(b"half")
            os.kill(os.getpid(), number)
            time.sleep(PLENTY_SECONDS)
        return 0

    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)  # nohup ignores one of them
    try:
        monkeypatch.setattr(app, "app", end_while_it_writes)
        with pytest.raises(SystemExit) as end:
            app.main()
        assert end.value.code == 128 + number
        assert list(tmp_path.iterdir()) == []
        assert signal.getsignal(number) is usual
    finally:
        signal.signal(number, before)


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    left = tmp_path / f".x.{dead}.partial"
    other, alive = tmp_path / f".y.{dead}.partial", tmp_path / f".x.{os.getppid()}.partial"
    for path in (left, other, alive):
        path.write_bytes(b"half")
    write(tmp_path / "x")
    assert sorted(tmp_path.iterdir()) == sorted([other, alive, tmp_path / "x"])


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write(path)
    assert path.read_bytes() == b"new"


def test_outputs_are_neither_each_other_nor_an_input(tmp_path: Path) -> None:
    source, link = tmp_path / "m.onnx", tmp_path / "link"
    source.write_bytes(b"")
    link.symlink_to(source)
    for name in (source, link, tmp_path / "." / "m.onnx"):
        with pytest.raises(FormatError, match=r"-o .*: would replace the file that is read"):
            require_outputs({"-o": name}, source)
    with pytest.raises(
        FormatError, match=r"--trace .*: expected another file for each output, --json names it"
    ):
        require_outputs({"--json": tmp_path / "x", "--trace": tmp_path / "x"}, source)
    require_outputs({"--json": Path("/dev/null"), "--trace": Path("/dev/null")}, source, None)


NAMES = ("file", "allow_pickle", "args", "a/b", "../up", "x" * 300, "é[/a]", "\x1b[2J", "x.npy")


def test_arrays_of_any_name_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    write_arrays(path, {name: np.full((), i) for i, name in enumerate(NAMES)})
    with zipfile.ZipFile(path) as archive:
        members = {n: np.lib.format.read_array(archive.open(n)) for n in archive.namelist()}
    assert members == {f"{name}.npy": i for i, name in enumerate(NAMES)}
    write_arrays(path, {"plain": np.arange(3)})
    with np.load(path) as found:
        assert found["plain"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "n" * 70_000])
def test_names_that_an_archive_would_cut_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="an archive cannot hold a tensor called"):
        write_arrays(tmp_path / "t.npz", {name: np.zeros(1)})
    assert not list(tmp_path.iterdir())
