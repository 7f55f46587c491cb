"""The examples in the documents run, and their links lead somewhere."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path
from statistics import fmean

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_examples_run(path: Path) -> None:
    failures, _ = doctest.testfile(str(path), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert failures == 0


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_figures_of_the_first_screen_are_those_of_the_documents() -> None:
    """README states what docs/ measured: files that run, cycles in Verilog, accuracy of codes."""
    first = " ".join((ROOT / "README.md").read_text().split("Two commands")[0].split())
    coverage = (ROOT / "docs" / "coverage.md").read_text()
    text = r"(\d+) of (\d+) files run; (\d+) of them are equal in every byte, (\d+) float"
    run, files, equal, near = re.findall(text, coverage)[0]
    assert f"{run} of {files} public .tflite and .onnx files run: {equal} give" in first
    assert f"byte for byte, {near} float networks" in first
    assert int(run) == int(equal) + int(near)
    words = r"(\d+) run on engine `machine` with every byte of the kernels engine, and (\d+) take"
    assert re.findall(words, " ".join(coverage.split())) == [(run, run)]
    rows = json.loads((ROOT / "docs" / "rtl.json").read_text()).values()
    whole = [row for row in rows if "network" in row]
    assert all(row["cycles"] == row["rtl_cycles"] and not row["difference"] for row in whole)
    networks, events = {row["network"] for row in whole}, sum(row["events"] for row in whole)
    cycles = sum(row["cycles"] for row in whole)
    assert f"{len(whole)} runs of {len(networks)} whole networks" in first
    assert f"in Verilog, {cycles:,} in all, and agree in each of {events:,} events" in first
    data = json.loads((ROOT / "docs" / "accuracy.json").read_text())
    keywords = list(data["kws"].values())

    def kept(variant: str, encoder: str) -> float:
        return fmean(
            row["accuracy"]
            for run in keywords
            for row in run["rows"]
            if (row["variant"], row["bits"], row["column"]) == (variant, 2, encoder)
        )

    fitted = [kept(variant, "feedback, static") for variant in ("pwlq", "subset")]
    every = (*fitted, kept("uniform", "nearest"), keywords[0]["float"])
    figures = [f"{value:.1f} %" for value in every]
    assert re.findall(r"\d+\.\d %", first) == figures
