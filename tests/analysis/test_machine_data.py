"""What a report says is what the run gave, and its conformance is measured."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npusim.analysis.conformance import check_conformance, not_executed
from npusim.analysis.machine_data import machine_data
from npusim.cost.prices import COMPONENTS
from npusim.engines.program_cost import ProgramCost
from npusim.formats.files import load
from npusim.report.cost_words import ENERGY_WORDS
from npusim.report.machine_charts import CHARTS, PHONE, WIDE, energy_text
from npusim.report.machine_page import machine_page
from npusim.report.machine_words import conformance_text
from npusim.report.pages import style
from npusim.report.roofline import bound_macs_per_cycle
from npusim.report.standalone import pictures
from tests.conftest import DIGITS
from tests.reported import Reported


class Marks(HTMLParser):
    """Collect what a page says that its numbers are, and the JSON it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.marks: list[tuple[str, str]] = []
        self.charts: list[str] = []
        self.addresses: list[str] = []
        self.embedded: dict[str, Any] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if "data-value" in found:
            self.marks.append((found["data-json"], found["data-value"]))
        if "data-chart" in found:
            self.charts.append(found["data-chart"])
        self.addresses += [found[key] for key in ("href", "src", "action") if key in found]
        if tag == "script" and found.get("type") == "application/json":
            self._inside = found["id"]

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.embedded[self._inside] = json.loads(data)
            self._inside = ""


def at(data: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        data = data[int(part) if isinstance(data, list) else part]
    return data


def with_energy(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data with made-up energies, as a table of prices would give them."""
    copy = json.loads(json.dumps(data))
    total = {"array_uniform8": 0.0, "dram": 0.0, "total": 0.0}
    for i, row in enumerate(copy["results"]["layers"]):
        if "cycles" in row:
            row["energy_pj"] = {"array_uniform8": 1.5e3 * (i + 1), "dram": 7.25e4}
            row["energy_pj"]["total"] = sum(row["energy_pj"].values())
            total = {name: total[name] + row["energy_pj"][name] for name in total}
    copy["results"] |= {"energy_pj": total, "average_energy_pj": {"total": 0.9 * total["total"]}}
    copy["results"] |= {"technology": "nangate45", "area_um2": 123456.7}
    return copy


def without_energy(data: dict[str, Any]) -> dict[str, Any]:
    copy = json.loads(json.dumps(data))
    for holder in (copy["results"], *copy["results"]["layers"]):
        for key in ("energy_pj", "average_energy_pj", "technology", "area_um2"):
            holder.pop(key, None)
    return copy


@pytest.mark.parametrize("has_energy", [False, True])
def test_every_number_of_the_page_is_in_its_json(reported: Reported, has_energy: bool) -> None:
    data = with_energy(reported.data) if has_energy else without_energy(reported.data)
    page = Marks(machine_page(data))
    assert page.embedded["report-data"] == data
    assert len(page.marks) > 150
    for pointer, value in page.marks:
        assert at(data, pointer) == json.loads(value), pointer
    assert set(page.charts) == {*CHARTS, "zoom"} - (set() if has_energy else {"energy"})
    assert page.addresses == ["data:,"]


def test_every_component_of_energy_has_a_name_and_a_colour() -> None:
    assert tuple(ENERGY_WORDS) == COMPONENTS
    for name in COMPONENTS:
        assert f".{name}" in style()


def test_energy_is_absent_where_it_is_not_known(reported: Reported) -> None:
    page = machine_page(without_energy(reported.data))
    assert "area," not in page
    assert "energy" not in page.partition("<script")[0].partition("<body>")[2]
    assert energy_text(1.27e6) == "1.27 µJ"
    assert energy_text(0.5) == "0.5 pJ"


def test_a_report_holds_the_run_s_results(reported: Reported) -> None:
    data, result = reported.data, reported.result
    assert data["results"] == json.loads(json.dumps(result.as_json()))
    assert data["cycles"] == result.cycles
    for engine in data["engines"].values():
        assert sum(engine["lengths"]) == sum(engine["cycles"].values()) == result.cycles
        assert len(engine["kinds"]) == len(engine["lengths"]) == sum(engine["slices_of_layer"])
    read = sum(layer["dram_read_bytes"] for layer in data["layers"])
    written = sum(layer["dram_write_bytes"] for layer in data["layers"])
    assert read + written == result.dram_bytes
    starts = [layer["first_cycle"] for layer in data["layers"]]
    assert starts == sorted(starts)


def test_no_run_is_above_the_roof(in_two_runs: ProgramCost) -> None:
    found = in_two_runs.as_json()
    data = machine_data(
        in_two_runs.program, in_two_runs.timelines, found, not_executed("onnxruntime", ())
    )  # fmt: skip
    layers = [layer for layer in data["layers"] if "macs_per_byte" in layer]
    assert len(layers) > 50
    kinds = {layer["operator"] for layer in layers}
    assert {"Conv2D", "depthwise"} <= kinds
    bytes_moved = [
        sum(layer[key] for layer in data["layers"])
        for key in ("dram_read_bytes", "dram_write_bytes")
    ]
    bound = bound_macs_per_cycle(data["machine"], in_two_runs.macs / max(bytes_moved))
    assert in_two_runs.macs / in_two_runs.cycles <= bound
    assert len(machine_page(data).encode()) < 3_000_000


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_names_from_a_file_are_not_markup(reported: Reported, width: int) -> None:
    data = json.loads(json.dumps(reported.data))
    bad = '<b onclick="x">&amp;</script>'
    data["layers"][5]["name"] = data["results"]["model"] = bad
    data["conformance"]["host_operators"] = [bad]
    for name, chart in CHARTS.items():
        assert "<b" not in chart(data, width), name
    page = machine_page(data)
    assert Marks(page).embedded["report-data"] == data
    assert "<b onclick" not in page


def test_pictures_are_files_of_their_own(reported: Reported) -> None:
    from xml.etree import ElementTree

    found = dict(pictures(with_energy(reported.data)))
    assert found.keys() == CHARTS.keys()
    for text in found.values():
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in text
        assert "@media" not in text
        used = {name for node in root.iter() for name in node.get("class", "").split()}
        styled = root[0].text or ""
        for name in used - {"mark", "conv"}:
            assert f".{name}" in styled, name


def test_conformance_counts_the_values_that_differ(reported: Reported) -> None:
    network = load(DIGITS / "digits_int8.onnx")
    x = np.load(DIGITS / "digits_test.npz")["x"][:3]
    right = reported.result.outputs
    same = check_conformance(network, x, right, "half_up")
    assert same["compared_values"] == 30
    assert same["differing_values"] == 0
    wrong = {name: values.copy() for name, values in right.items()}
    for values in wrong.values():
        values.reshape(-1)[[0, 7]] ^= 1
    assert check_conformance(network, x, wrong, "half_up")["differing_values"] == 2
    other = check_conformance(network, x, right, "floor")
    assert other["differing_values"] > 0


@pytest.mark.parametrize(
    ("conformance", "expected"),
    [
        ({"compared_values": 30, "differing_values": 0}, ("conforms", "All")),
        ({"compared_values": 30, "differing_values": 2}, ("differs", "2</span> of")),
        ({"reason": "an estimate executes no data"}, ("not compared", "executes no data")),
        (
            {"compared_values": 3, "differing_values": 0, "differing_from_asked": 1},
            ("conforms", "output values differ from that rule's own arithmetic"),
        ),
    ],
)
def test_conformance_is_said_as_it_is(
    conformance: dict[str, Any], expected: tuple[str, ...]
) -> None:
    found = {"rule": "half_up", "host_operators": ["softmax"]} | conformance
    text = conformance_text({"conformance": found, "results": {"engine": "machine"}})
    for words in (*expected, "half_up", "On the host core: softmax"):
        assert words in text
    assert ("conforms" in text) == (conformance.get("differing_values") == 0)


def test_a_report_needs_the_results_of_its_program(reported: Reported, tmp_path: Path) -> None:
    results = reported.result.as_json()
    results["layers"] = results["layers"][1:]
    program = reported.result.cost.program
    assert program is not None
    with pytest.raises(ValueError, match="stem"):
        machine_data(program, reported.result.cost.timelines, results, {})
