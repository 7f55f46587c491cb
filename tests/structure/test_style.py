"""ruff, the type checker, and files of a size one reads in a sitting."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 400

LONGER_WITH_A_REASON: dict[str, str] = {}
"""Path -> why the file is one."""


def sources() -> list[Path]:
    folders = ("npusim", "tools", "tests", "benchmarks", "rtl", "docs")
    suffixes = {".py", ".v", ".vh", ".sv", ".sh"}
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in suffixes and "generated" not in path.parts
    ]


def test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if (lines := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert long.keys() == LONGER_WITH_A_REASON.keys(), long


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_clean(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
