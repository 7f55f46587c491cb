"""The documents are what their writers make of the numbers that are kept beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.checkout import ROOT
from tools.flow import requantizers
from tools.pages import accuracy, accuracy_text, clock_gating, energy_table, rtl

WRITERS = [
    path.stem
    for path in sorted((ROOT / "tools" / "pages").glob("*.py"))
    if "\ndef main(" in path.read_text()
]


def test_the_writers_are_found() -> None:
    assert {"accuracy", "conformance", "conformance_onnx", "energy_table", "rtl"} <= set(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_and_its_document_have_one_name(name: str) -> None:
    document = (ROOT / "docs" / f"{name}.md").read_text()
    assert f"tools/pages/{name}.py" in document or f"tools.pages.{name}" in document


def test_the_energy_table_is_that_of_the_shipped_tables() -> None:
    assert energy_table.PAGE.read_text() == energy_table.page()


def test_the_page_of_clock_gates_is_that_of_the_shipped_tables() -> None:
    assert clock_gating.PAGE.read_text() == clock_gating.page()


def test_the_accuracy_page_is_that_of_its_numbers() -> None:
    data = json.loads(accuracy.NUMBERS.read_text())
    page = accuracy_text.page(data, accuracy.FLOORS, accuracy.GOALS)
    assert accuracy.PAGE.read_text() == page


BESIDE = {
    "uniform, per channel": ("uniform", "published", "feedback, static"),
    "shift-scaler": ("wes", "published", "feedback, static"),
    "PWLQ, printed grid": ("pwlq", "published", None),
    "PWLQ, the authors' code's grid (the default)": ("pwlq", None, "feedback, static"),
    "subset": ("subset", "published", "feedback, static"),
    "multipoint, 2 points a channel": ("multipoint-2", "published", "feedback, static"),
}
"""Rows of quantization.md's table of encoders: the variant, and the column of each cell, if any."""


def test_the_papers_encoders_beside_ours_are_those_of_the_accuracy_page() -> None:
    text = (ROOT / "docs" / "quantization.md").read_text()
    table = text.partition("## The papers' encoders beside ours")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in table.splitlines() if line.startswith("|")][2:]
    values = accuracy_text.accuracies(json.loads(accuracy.NUMBERS.read_text())["kws"])
    assert [name.strip() for name, *_ in rows] == [*BESIDE]
    for name, *cells in rows:
        variant, *columns = BESIDE[name.strip()]
        for cell, column in zip(cells, columns, strict=True):
            if column is not None:
                means = [accuracy_text.mean(values[str(variant), b, column]) for b in (4, 3, 2)]
                assert cell.strip() == " / ".join(f"{mean:.2f}" for mean in means), name


def test_rows_measured_anew_take_the_place_of_theirs_alone() -> None:
    def table(float_accuracy: float, *rows: tuple[str, int, str, float]) -> dict[str, object]:
        keys = ("variant", "bits", "column", "accuracy")
        return {"float": float_accuracy, "rows": [dict(zip(keys, r, strict=True)) for r in rows]}

    old = table(90.0, ("wes", 4, "nearest", 1.0), ("wes", 4, "feedback, static", 2.0))
    new = table(91.0, ("wes", 4, "feedback, static", 3.0), ("wes", 3, "feedback, static", 4.0))
    assert accuracy.merged(old, new) == table(
        91.0, ("wes", 4, "nearest", 1.0), ("wes", 4, "feedback, static", 3.0),
        ("wes", 3, "feedback, static", 4.0),
    )  # fmt: skip
    assert accuracy.merged({}, new) == new
    only = accuracy.Only(["feedback"], ["lut"])
    assert only.of(accuracy.FEW) == [((4, 3, 2), ["feedback"], "static")]


def test_the_comparison_of_requantizers_is_that_of_its_numbers() -> None:
    measured = json.loads(requantizers.MEASURED.read_text())
    assert "\n".join(requantizers.comparison(measured)) in (ROOT / "docs/numerics.md").read_text()
    for technology, rows in measured.items():
        table = json.loads((requantizers.TABLES / f"{technology}.json").read_text())
        for row in rows:
            if row["module"] == "npu_requantize_float":
                assert row in table["modules"]


def test_the_rtl_page_is_that_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """That rows hold of today's simulator is asked in tests/rtl/test_page.py."""
    rows = json.loads(rtl.MEASURED.read_text())
    assert [*rows] == [*rtl.ordered(rows)]
    document = Path(rtl.OUTPUT).read_text()
    (commit,) = re.findall(r"at commit (\S+);", document)
    monkeypatch.setattr(rtl, "commit", lambda digits: commit)
    assert document == rtl.page(rows)
