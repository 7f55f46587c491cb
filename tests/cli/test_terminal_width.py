"""Tables on a real terminal of 80 columns: lines fit it, and no number is cut."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.conftest import DIGITS

COLUMNS = 80
MODEL, FLOAT = DIGITS / "digits_int8.onnx", DIGITS / "digits_float.onnx"
SAMPLES, TRAIN = DIGITS / "digits_test.npz", DIGITS / "digits_train.npz"
COMMANDS = {
    "estimate": ("estimate", MODEL),
    "estimate on two machines": ("estimate", MODEL, "--machine", "base", "--machine", "wide"),
    "explain-cycles": ("explain-cycles", MODEL),
    "run": ("run", MODEL, "--input", SAMPLES),
    "run on the machine": ("run", MODEL, "--engine", "machine", "--machine", "nano"),
    "compare": (
        "compare", FLOAT, "--calibrate", TRAIN, "--machine", "nano", "--bits", "4",
        "--schemes", "uniform,subset-normalized", "--encoder", "nearest",
    ),
    "quantize": ("quantize", FLOAT, "--calibrate", TRAIN, "-o", "quantized.onnx"),
    "inspect": ("inspect", MODEL),
    "check": ("check", MODEL),
    "machines": ("machines",),
    "schemes": ("schemes",),
    "operators": ("operators",),
    "verify": ("verify", "pool", "--vectors", "200"),
}  # fmt: skip
WORDS = {
    "estimate": ("in pointwise", "nothing to do", "waiting for loads"),
    "run on the machine": ("in pointwise",),
    "inspect": ("in pointwise",),
    "operators": ("weights known beforehand", "onnxruntime"),
}
"""What the narrow table still says, unbroken."""
STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(folder: Path, *arguments: object) -> tuple[int, str]:
    """Return the exit code and what a terminal of COLUMNS columns shows."""
    end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "npusim", *map(str, arguments)], cwd=folder,
        stdin=terminal, stdout=terminal, stderr=subprocess.PIPE,
        env=environment | {"TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(terminal)
    shown = []
    while True:
        try:
            part = os.read(end, 65536)
        except OSError:  # Linux' word for a terminal that nobody writes to any more
            break
        if not part:
            break
        shown.append(part)
    os.close(end)
    process.communicate()
    return process.returncode, STYLES.sub("", b"".join(shown).decode())


@pytest.mark.parametrize("name", COMMANDS)
def test_lines_fit_and_numbers_are_whole(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    if name == "verify":
        request.getfixturevalue("icarus")
    code, shown = on_terminal(tmp_path, *COMMANDS[name])
    assert code == 0
    lines = shown.splitlines()
    assert len(lines) > 1
    assert not [line for line in lines if len(line.rstrip()) > COLUMNS]
    assert not [line for line in lines if re.search(r"\d[.,]?\u2026", line)]
    for word in WORDS.get(name, ()):
        assert re.search(rf"(?<!\w){re.escape(word)}(?!\w)", shown), word
