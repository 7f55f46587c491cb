"""The checked-in derived files are what the instruction set says today."""

from __future__ import annotations

from pathlib import Path

import pytest

from npusim.isa import generate

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["rtl/generated/npu_isa.vh", "docs/isa.md"])
def test_generated_files_are_current(name, tmp_path):
    (tmp_path / "docs").mkdir()
    generate.main(tmp_path)
    assert (ROOT / name).read_text() == (tmp_path / name).read_text(), (
        f"{name} is stale: run python -m npusim.isa.generate"
    )
