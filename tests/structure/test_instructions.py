"""Every instruction is one page with all its parts, and one test of the same stem."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from npusim.isa import instructions, spec
from npusim.isa.instructions import FORMATS, PAGES, REGISTERS
from npusim.isa.page import Page

ROOT = Path(__file__).resolve().parents[2]
PARTS = tuple(name for name in vars(Page) if not name.startswith("_"))
STEMS = sorted(path.stem for path in (ROOT / "npusim/isa/instructions").glob("[a-z]*.py"))


def require_parts(stem: str, page: object) -> None:
    missing = [part for part in PARTS if not hasattr(page, part)]
    assert not missing, f"npusim/isa/instructions/{stem}.py: no {', '.join(missing)}"


def test_the_parts_are_those_that_are_asked_for() -> None:
    assert set(PARTS) == {
        "FORMAT", "REGISTERS", "rules", "hazards", "nests", "transfer", "banks", "cycles", "counts",
    }  # fmt: skip


def test_every_file_is_the_page_of_an_instruction() -> None:
    assert [name.lower() for name in sorted(PAGES)] == STEMS
    assert len({form.opcode for form in FORMATS.values()}) == len(STEMS) == 8


@pytest.mark.parametrize("stem", STEMS)
def test_a_page_has_all_parts_and_a_test(stem: str) -> None:
    page = getattr(instructions, stem)
    require_parts(stem, page)
    assert page.FORMAT.name == stem.upper()
    assert (page.__doc__ or "").startswith(f"{stem.upper()}: ")
    test = ROOT / f"tests/isa/instructions/test_{stem}.py"
    assert "def test_" in test.read_text()


@pytest.mark.parametrize("part", PARTS)
def test_a_page_without_a_part_is_named(part: str) -> None:
    rest = {key: value for key, value in vars(instructions.mac).items() if key != part}
    with pytest.raises(AssertionError, match=rf"mac.py: no {part}\b"):
        require_parts("mac", SimpleNamespace(**rest))


def test_registers_of_an_engine_have_one_meaning_each() -> None:
    for engine in spec.QUEUED_ENGINES:
        pages = [page for page in PAGES.values() if engine in page.FORMAT.engines]
        every = {register for page in pages for register in page.REGISTERS}
        assert sorted(r.index for r in every) == list(range(len(REGISTERS[engine])))
        assert len({r.name for r in every}) == len(REGISTERS[engine])
