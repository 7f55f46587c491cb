"""The documents are what their writers make of the numbers that are kept beside them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from npusim.engines.machine_network import MachineNetwork
from npusim.formats.files import load
from tools.checkout import ROOT
from tools.flow import requantizers
from tools.pages import accuracy, accuracy_text, energy_table, rtl

WRITERS = [
    path.stem
    for path in sorted((ROOT / "tools" / "pages").glob("*.py"))
    if "\ndef main(" in path.read_text()
]

SOURCES = (".py", ".v", ".vh")


def test_the_writers_are_found() -> None:
    assert {"accuracy", "conformance", "conformance_onnx", "energy_table", "rtl"} <= set(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_and_its_document_have_one_name(name: str) -> None:
    document = (ROOT / "docs" / f"{name}.md").read_text()
    assert f"tools/pages/{name}.py" in document or f"tools.pages.{name}" in document


def test_the_energy_table_is_that_of_the_shipped_tables() -> None:
    assert energy_table.PAGE.read_text() == energy_table.page()


def test_the_accuracy_page_is_that_of_its_numbers() -> None:
    data = json.loads(accuracy.NUMBERS.read_text())
    page = accuracy_text.page(data, accuracy.FLOORS, accuracy.GOALS)
    assert accuracy.PAGE.read_text() == page


def test_the_comparison_of_requantizers_is_that_of_its_numbers() -> None:
    measured = json.loads(requantizers.MEASURED.read_text())
    assert "\n".join(requantizers.comparison(measured)) in (ROOT / "docs/numerics.md").read_text()
    for technology, rows in measured.items():
        table = json.loads((requantizers.TABLES / f"{technology}.json").read_text())
        assert rows[-1] in table["modules"]


def test_the_rtl_page_is_that_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row with another hash than the page's is seen to be of earlier sources."""
    rows = json.loads(rtl.MEASURED.read_text())
    assert rows == rtl.ordered(rows)
    networks, programs = ([r for r in rows.values() if k in r] for k in ("network", "programs"))
    document = Path(rtl.OUTPUT).read_text()
    (commit,) = re.findall(r"at commit (\S+);", document)
    (sources,) = re.findall(r"It was `(\w{8})` when this page was written", document)
    monkeypatch.setattr(rtl, "commit", lambda digits: commit)
    assert document == rtl.page(networks, programs, sources)


@pytest.mark.parametrize("folder", rtl.DECIDING)
def test_a_row_does_not_outlive_the_sources_it_was_measured_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str
) -> None:
    for name in rtl.DECIDING:
        shutil.copytree(ROOT / name, tmp_path / name)
    before = rtl.sources()
    monkeypatch.setattr(rtl, "ROOT", tmp_path)
    assert rtl.sources() == before
    source = next(path for path in sorted((tmp_path / folder).rglob("*")) if path.suffix in SOURCES)
    comment = "# a comment" if source.suffix == ".py" else ""
    source.write_text(f"{source.read_text()}\n{comment}")
    assert (rtl.sources() == before) == (source.suffix == ".py")
    source.write_text(f"{source.read_text()}\nparameter = 1")
    assert rtl.sources() != before


def test_the_row_of_the_shipped_network_is_of_the_program_that_is_compiled_today() -> None:
    rows = json.loads(rtl.MEASURED.read_text())
    compiled = MachineNetwork(load(rtl.OWN), rtl.machine_of("base"))
    name = rtl.network_name(rtl.OWN, "base")
    (key,) = (key for key, row in rows.items() if row["what"] == name)
    holds = rows[key]["sources"] == rtl.sources()
    assert (key == rtl.network_key(compiled)) or not holds
