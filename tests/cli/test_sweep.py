"""`npusim sweep` on the command line: mistakes in one line, progress on a terminal, Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Finished
from tests.conftest import DIGITS
from tests.explore.sweep_files import keys_of

SPACE = f"""
[[machines]]
base = "nano"
memory.latency_cycles = [10, 11]
[[networks]]
model = "{DIGITS}/digits_float.onnx"
calibrate = "{DIGITS}/digits_train.npz"
evaluate = "{DIGITS}/digits_test.npz"
[[schemes]]
scheme = "uniform"
bits = 8
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path / "space.toml"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "r.xls"), "r.xls: expected a name ending in .parquet, .csv"),
        (("-o", "no/r.csv"), "no/r.csv: there is no directory "),
        (("-o", "r.csv", "--plot", "p.pdf"), "p.pdf: expected a name ending in .html, .svg, .png"),
        (("-o", "r.csv", "--plot", "no/p.svg"), "no/p.svg: there is no directory "),
        (("-o", "r.csv", "--workers", "0"), "Invalid value for '--workers'"),
        (
            ("-o", "r.csv", "--workers", "2", "--scheduler", "tcp://localhost:1"),
            "expected either --workers or --scheduler, found both",
        ),
        ((), "Missing option '-o'"),
    ],
)
def test_options_are_checked_before_any_work(
    npusim, space, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    done: Finished = npusim("sweep", str(space), *options)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("npusim: ")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["space.toml"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("digits_float.onnx", "none.onnx", "none.onnx: cannot read it: no such file"),
        ("digits_float.onnx", "digits_test.npz", "expected a .tflite or .onnx file"),
        ("digits_train.npz", "none.npz", "none.npz: no such file"),
        ("digits_test.npz", "UNLABELLED.npz", "UNLABELLED.npz: expected class labels under 'y'"),
        (f'calibrate = "{DIGITS}/digits_train.npz"\n', "", "no network has samples to calibrate"),
        ('base = "nano"', 'base = "micro"', "space.toml: [[machines]] 1: base: "),
    ],
)
def test_inputs_are_checked_before_any_work(
    npusim: Callable[..., Finished], space: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in SPACE
    if "UNLABELLED" in new:
        np.save(tmp_path / "x.npy", np.load(DIGITS / "digits_test.npz")["x"])
        np.savez(tmp_path / "UNLABELLED.npz", x=np.load(tmp_path / "x.npy"))
        old, new = f"{DIGITS}/{old}", f"{tmp_path}/{new}"
    space.write_text(SPACE.replace(old, new))
    done = npusim("sweep", str(space), "-o", str(tmp_path / "r.csv"))
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "r.csv.sweep").exists()


def test_a_float_network_needs_samples(
    npusim: Callable[..., Finished], space: Path, tmp_path: Path
) -> None:
    space.write_text(
        f'[[machines]]\nbase = "nano"\n[[networks]]\nmodel = "{DIGITS}/digits_float.onnx"\n'
    )
    done = npusim("sweep", str(space), "-o", str(tmp_path / "r.csv"))
    assert done.code == 2
    assert "digits_float.onnx: a float network: expected calibrate = FILE" in done.err


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        ("pyarrow", ("-o", "r.parquet"), ".parquet: needs pyarrow, which is not installed: pip "),
        (
            "distributed",
            ("-o", "r.csv", "--scheduler", "tcp://localhost:1"),
            "--scheduler: needs dask.distributed, which is not installed: pip install",
        ),
    ],
)
def test_what_is_not_installed_is_one_line(
    npusim, space, tmp_path, monkeypatch, module, options, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    done: Finished = npusim("sweep", str(space), *options)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def plain(text: str) -> str:
    """Return what a terminal shows without its colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_sees_progress_and_ctrl_c_leaves_what_was_done(space, tmp_path):
    latencies = ", ".join(str(n) for n in range(10, 400))
    space.write_text(SPACE.replace("[10, 11]", f"[{latencies}]"))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "npusim", "sweep", str(space), "-o", "r.csv"]
    process = subprocess.Popen(
        [*command, "--workers", "1"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs,
        start_new_session=True, env={**os.environ, "TERM": "xterm", "PYTHONPATH": os.getcwd()},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job ignores it
    )  # fmt: skip
    os.close(theirs)
    seen = ""
    deadline = time.monotonic() + 240
    while not re.search(r"compiling and timing .*? [1-9]\d*/390 \d:\d\d:\d\d", plain(seen)):
        assert time.monotonic() < deadline, seen
        assert process.poll() is None, process.communicate()
        if select.select([ours], [], [], 1)[0]:
            seen += os.read(ours, 4096).decode(errors="replace")
    os.killpg(process.pid, signal.SIGINT)
    while process.poll() is None:  # a terminal that nobody reads blocks its writer
        assert time.monotonic() < deadline, seen
        with suppress(OSError):  # nobody holds the other end any more
            if select.select([ours], [], [], 0.1)[0]:
                seen += os.read(ours, 4096).decode(errors="replace")
    out = process.communicate()[0]
    os.close(ours)
    assert (process.returncode, out) == (130, b"")
    kept = len(keys_of(tmp_path / "r.csv"))
    assert 2 <= kept < 391
    assert not (tmp_path / "r.csv").exists()
    assert "Traceback" not in seen
    said = re.search(r"stopped; (\d+) finished tasks? of this run are kept in r.csv.sweep", seen)
    assert said is not None, seen
    assert int(said[1]) <= kept <= int(said[1]) + 1
