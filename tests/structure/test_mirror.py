"""Every module of the rooms that contributors add to has its test, of the same stem."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("room", ["operators", "codes", "isa/instructions", "datapath"])
def test_a_module_has_its_test(room: str) -> None:
    modules = {path.stem for path in (ROOT / "npusim" / room).glob("*.py")} - {"__init__"}
    tests = {path.stem for path in (ROOT / "tests" / room).glob("test_*.py")}
    lacking = sorted(stem for stem in modules if f"test_{stem}" not in tests)
    assert not lacking, f"tests/{room}/test_STEM.py is missing for {', '.join(lacking)}"
