"""The report in a headless Chromium: no complaint, no request, every picture, true numbers."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from npusim.analysis.conformance import not_executed
from npusim.analysis.machine_data import machine_data
from npusim.engines.estimate import estimate
from npusim.engines.program_cost import ProgramCost
from npusim.formats.files import load
from npusim.machines import Machine
from npusim.report.machine_charts import CHARTS
from npusim.report.machine_page import machine_page
from tests.analysis.test_machine_data import with_energy
from tests.conftest import DIGITS
from tests.report.browser import Browser
from tests.reported import Reported

WINDOWS = {"desk": (1180, False), "dark desk": (1180, True), "phone": (390, False)}

NUMBERS = """(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const at = (pointer) => pointer.split("/").slice(1).reduce((value, key) => value[key], data);
  const marks = [...document.querySelectorAll("[data-value]")];
  const wrong = marks.filter((mark) => at(mark.dataset.json) !== Number(mark.dataset.value));
  return {count: marks.length, wrong: wrong.map((mark) => mark.outerHTML)};
})()"""

SHOWN = """[...document.querySelectorAll("figure[data-chart]")].map((figure) => {
  const svg = [...figure.querySelectorAll("svg")].filter((s) => s.getBoundingClientRect().width);
  const box = svg[0].getBoundingClientRect();
  const marks = svg[0].querySelectorAll("rect, path, circle, polyline").length;
  return {chart: figure.dataset.chart, count: svg.length, marks, right: box.right};
})"""

OVERLAPS = """(() => {
  const found = [];
  for (const svg of document.querySelectorAll("figure svg")) {
    if (!svg.getBoundingClientRect().width) continue;
    const texts = [...svg.querySelectorAll("text:not([transform])")].filter((t) => t.textContent);
    const boxes = texts.map((t) => [t.getBoundingClientRect(), t.textContent]);
    const edge = svg.getBoundingClientRect();
    boxes.forEach(([a, one], i) => {
      if (a.left < edge.left - 1 || a.right > edge.right + 1) found.push("outside: " + one);
      for (const [b, other] of boxes.slice(i + 1)) {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 3) found.push(one + " / " + other);
      }
    });
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def page(reported: Reported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(machine_page(with_energy(reported.data)), encoding="utf-8")
    return path


@pytest.mark.parametrize("window", WINDOWS)
def test_opens_offline_without_complaint(browser: Browser, page: Path, window: str) -> None:
    width, dark = WINDOWS[window]
    browser.open(page, width, dark=dark)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    shown = browser.evaluate(SHOWN)
    assert {entry["chart"] for entry in shown} == {*CHARTS, "zoom"}
    for entry in shown:
        assert entry["count"] == 1, entry
        assert entry["marks"] >= 4, entry
        assert entry["right"] <= width, entry
    assert browser.evaluate(OVERLAPS) == []
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") != dark


def test_numbers_are_those_of_the_json(browser: Browser, page: Path, reported: Reported) -> None:
    browser.open(page, 1180)
    numbers = browser.evaluate(NUMBERS)
    assert numbers["wrong"] == []
    assert numbers["count"] > 150
    embedded = json.loads(browser.evaluate("document.getElementById('report-data').textContent"))
    assert embedded == with_energy(reported.data)
    cells = browser.evaluate(
        "[...document.querySelectorAll('tr[data-layer]')].map((row) => row.cells[3].textContent)"
    )
    rows = [row for row in reported.data["results"]["layers"] if "cycles" in row]
    assert [int(cell.replace(",", "")) for cell in cells] == [row["cycles"] for row in rows]


def span(browser: Browser) -> list[float]:
    return browser.evaluate(
        "[+document.querySelector('#zoom svg').dataset.from, "
        "+document.querySelector('#zoom svg').dataset.to]"
    )


def test_the_timeline_zooms(browser: Browser, page: Path, reported: Reported) -> None:
    browser.open(page, 1180)
    cycles, layers = reported.data["cycles"], reported.data["layers"]
    for i, layer in enumerate(layers):
        browser.evaluate(
            f"(() => {{ const c = document.getElementById('layer'); c.value = '{i}';"
            "c.dispatchEvent(new Event('change')); })()"
        )
        end = layers[i + 1]["first_cycle"] if i + 1 < len(layers) else cycles
        assert span(browser) == [layer["first_cycle"], end]
    first, last = span(browser)
    browser.evaluate("document.getElementById('in').click()")
    assert span(browser)[1] - span(browser)[0] == pytest.approx((last - first) / 2, abs=1)
    for _ in range(12):
        browser.evaluate("document.getElementById('out').click()")
    assert span(browser) == [0, cycles]
    titles = browser.evaluate(
        "[...document.querySelectorAll('#zoom rect title')].map((t) => t.textContent)"
    )
    busy = sum(
        len(engine["kinds"]) - engine["kinds"].count(".")
        for engine in reported.data["engines"].values()
    )
    assert len(titles) == busy
    box = browser.evaluate("document.getElementById('zoom').getBoundingClientRect().toJSON()")
    browser.evaluate("document.getElementById('zoom').scrollIntoView({block: 'center'})")
    box = browser.evaluate("document.getElementById('zoom').getBoundingClientRect().toJSON()")
    y = box["y"] + 60
    for kind, share in (("mousePressed", 0.5), ("mouseMoved", 0.6), ("mouseReleased", 0.75)):
        browser.command(
            "Input.dispatchMouseEvent", type=kind, x=box["x"] + share * box["width"], y=y,
            button="left", buttons=1, clickCount=1,
        )  # fmt: skip
    dragged = span(browser)
    assert 0.2 * cycles < dragged[1] - dragged[0] < 0.3 * cycles
    assert browser.complaints() == []


AREAS = """(() => {
  const lanes = [...document.querySelectorAll("#zoom .lane")].map((lane) => lane.getBBox());
  return lanes.map((lane) => {
    let area = 0;
    for (const path of document.querySelectorAll("#zoom path")) {
      if (path.getBBox().y + path.getBBox().height > lane.y + lane.height + 1) continue;
      if (path.getBBox().y < lane.y - 1) continue;
      const boxes = path.getAttribute("d").matchAll(/M([\\d.]+) [\\d.]+H([\\d.]+)v-([\\d.]+)/g);
      for (const [, left, right, high] of boxes) area += (right - left) * high;
    }
    return area / lane.width / lane.height;
  });
})()"""


def test_a_long_run_is_drawn_in_shares_that_add_up(
    browser: Browser, in_two_runs: ProgramCost, tmp_path: Path
) -> None:
    found = in_two_runs.as_json()
    conformance = not_executed(found["requant"], in_two_runs.host_operators)
    data = machine_data(in_two_runs.program, in_two_runs.timelines, found, conformance)
    path = tmp_path / "long.html"
    path.write_text(machine_page(data), encoding="utf-8")
    browser.open(path, 1180)
    assert browser.complaints() == []
    assert browser.evaluate(OVERLAPS) == []
    browser.evaluate("document.getElementById('zoom').dispatchEvent(new Event('dblclick'))")
    assert span(browser) == [0, data["cycles"]]
    shares = [
        1 - engine["cycles"].get("idle", 0) / data["cycles"] for engine in data["engines"].values()
    ]
    assert browser.evaluate(AREAS) == pytest.approx(shares, abs=0.005)


def test_the_host_core_has_a_table_and_cycles_of_its_own(in_two_runs: ProgramCost) -> None:
    found = in_two_runs.as_json()
    conformance = not_executed(found["requant"], in_two_runs.host_operators)
    data = machine_data(in_two_runs.program, in_two_runs.timelines, found, conformance)
    for text in (machine_page(data), in_two_runs._repr_html_()):
        assert "host cycles" in text
        for row in in_two_runs.host:
            assert f">{row.name}</td>" in text
            assert f">{row.cycles:,}<" in text
    assert f">{in_two_runs.host_cycles:,}<" in machine_page(data)
    digits = estimate(load(DIGITS / "digits_int8.onnx"), Machine.load("nano"))
    assert "host cycles" not in digits._repr_html_()  # which leaves nothing to it


def test_pictures_are_saved_as_svg_and_png(browser: Browser, page: Path) -> None:
    browser.open(page, 1180)
    saved = browser.evaluate("""(async () => {
      const found = [];
      const blobs = new Map();
      const make = URL.createObjectURL.bind(URL);
      URL.createObjectURL = (blob) => { const url = make(blob); blobs.set(url, blob); return url; };
      HTMLAnchorElement.prototype.click = function () {
        found.push([this.download, blobs.get(this.href)]);
      };
      for (const button of document.querySelectorAll(".save button")) button.click();
      while (found.length < document.querySelectorAll(".save button").length)
        await new Promise((done) => setTimeout(done, 20));
      return Promise.all(found.map(async ([name, blob]) => [name, await new Promise((done) => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result.split(",")[1]);
        reader.readAsDataURL(blob);
      })]));
    })()""")
    names = {name for name, _ in saved}
    charts = {*CHARTS, "zoom"}
    assert names == {
        f"digits_int8_nano_{chart}.{kind}" for chart in charts for kind in ("svg", "png")
    }
    for name, content in saved:
        data = base64.b64decode(content)
        if name.endswith(".png"):
            with Image.open(io.BytesIO(data)) as image:
                assert image.width >= 2000
                colours = image.convert("RGB").getcolors(1 << 24)
                assert colours is not None
                assert len(colours) > 20
        else:
            assert data.startswith(b"<svg")
            assert b"fill:rgb(0, 114, 178)" in data or b"roofline" in name.encode()
