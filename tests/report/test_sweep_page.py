"""The pictures of a sweep: every number is the table's, every point has its mark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from npusim.errors import UnsupportedError
from npusim.report.sweep_charts import front, is_logarithmic, pairs_of, steps
from npusim.report.sweep_page import plot_bytes, require_plot_format, sweep_page, sweep_svg
from tests.report.browser import Browser
from tests.report.pictures import check_pictures


def row(network: str, scheme: str, bits: int | None, machine: str, **found: Any) -> dict[str, Any]:
    return {
        "network": network, "scheme": scheme, "bits": bits, "settings": "", "machine": machine,
        "error": "", "bytes": 1000, "pareto": True, **found,
    }  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Two networks with energy, accuracy and area; one as its file has it; one of errors alone."""
    rng = np.random.default_rng(7)
    found = []
    for network in ("digits <b>", "words & more"):
        for scheme, bits in (("uniform", 8), ("pwlq", 4), ("subset+wes", 3), ("multipoint", 2)):
            for size in (8, 16):
                costs = [float(cost) for cost in rng.integers(1, 1000, 3)]
                found.append(
                    row(
                        network, scheme, bits, f"base-size{size}",
                        accuracy=95.0 + float(rng.integers(0, 40)) / 10,
                        energy_with_host_pj=costs[0] * 1e5, seconds_with_host=costs[1] * 1e-6,
                        area_um2=costs[2] * 1e4, pareto=bool(rng.integers(2)),
                    )
                )  # fmt: skip
    found[3]["accuracy"] = 20.0
    for size in (8, 16):
        found.append(row("int8", "unchanged", None, f"base-size{size}",
                         seconds_with_host=1e-3 / size, area_um2=1e4 * size))  # fmt: skip
    found.append({**row("broken", "uniform", 4, "nano"), "error": "does not fit"})
    return found


def numbers(text: str) -> list[tuple[int, str, float]]:
    found = re.findall(r'data-json="/rows/(\d+)/(\w+)" data-value="([^"]+)"', text)
    return [(int(i), key, float(value)) for i, key, value in found]


def test_every_number_on_the_page_is_the_tables(rows):
    page = sweep_page(rows, "results.csv")
    found = numbers(page)
    assert len(found) > 60
    for i, key, value in found:
        assert rows[i][key] == value, (i, key)
    assert "<b>" not in page
    assert "digits &lt;b&gt;" in page
    assert "1 point of far lower accuracy not drawn" in page


def wide_pictures(page: str) -> list[str]:
    """Return the pictures of a page as a desk shows them."""
    return re.findall(r'<div class="wide">(.*?)</div>', page, re.DOTALL)


def test_every_point_has_a_mark_in_every_picture_of_its_network(rows):
    page = sweep_page(rows, "results.csv")
    figures = wide_pictures(page)
    assert len(figures) == 3 + 3 + 1
    marks = [re.findall(r'class="mark" data-json="/rows/(\d+)/(\w+)"', f) for f in figures]
    digits = {0, 1, 2, 4, 5, 6, 7}  # row 3 has lost most of its accuracy
    assert [{int(i) for i, _ in m} for m in marks] == [
        digits, digits, digits | {3}, *[set(range(8, 16))] * 3, {16, 17},
    ]  # fmt: skip


def test_full_colour_is_the_front_of_the_two_axes(rows):
    page = sweep_page(rows, "results.csv")
    first = wide_pictures(page)[3]
    own = {i: rows[i] for i in range(8, 16)}
    expected = {
        i
        for i, r in own.items()
        if not any(
            o["energy_with_host_pj"] <= r["energy_with_host_pj"]
            and o["accuracy"] >= r["accuracy"]
            and (
                o["energy_with_host_pj"] < r["energy_with_host_pj"] or o["accuracy"] > r["accuracy"]
            )
            for o in own.values()
        )
    }
    shown = re.findall(r'data-json="/rows/(\d+)/accuracy".*?<circle class="[\w ]*?(on|off)"', first)
    assert {int(i) for i, state in shown if state == "on"} == expected
    assert len(shown) == len(own)


def test_a_front_is_a_staircase():
    shown = [(i, {"bytes": x, "accuracy": y}) for i, (x, y) in enumerate(
        [(3.0, 5.0), (1.0, 1.0), (2.0, 1.0), (4.0, 5.0), (2.0, 3.0)]
    )]  # fmt: skip
    assert front(shown, "bytes", "accuracy") == [(1.0, 1.0), (2.0, 3.0), (3.0, 5.0)]
    assert steps([(1.0, 1.0), (2.0, 3.0)]) == [(1.0, 1.0), (2.0, 1.0), (2.0, 3.0)]
    down = [(i, {"area_um2": x, "bytes": y}) for i, (x, y) in enumerate([(1, 5), (2, 6), (3, 4)])]
    assert front(down, "area_um2", "bytes") == [(1, 5), (3, 4)]


def test_axes_that_all_points_share_are_not_drawn(rows):
    same = [(i, {**r, "accuracy": 90.0}) for i, r in enumerate(rows[:8])]
    assert pairs_of(same) == [("area_um2", "seconds_with_host")]
    assert pairs_of([]) == []
    assert is_logarithmic(1.0, 6.0)
    assert not is_logarithmic(1.0, 4.0)
    assert not is_logarithmic(0.0, 9.0)


def test_svg_stands_alone(rows):
    svg = sweep_svg(rows)
    root = ElementTree.fromstring(svg)
    assert root.get("width") == "1040"
    assert len(root.findall("{http://www.w3.org/2000/svg}svg")) == 3
    assert "var(" not in svg
    assert "circle.pwlq { fill: #1d4ed8 }" in svg
    assert ".off + .inside" in svg


def test_png_is_one_picture_of_every_network(rows, tmp_path):
    (tmp_path / "p.png").write_bytes(plot_bytes(tmp_path / "p.png", rows, "r.csv"))
    assert plot_bytes(tmp_path / "p.png", rows, "r.csv") == (tmp_path / "p.png").read_bytes()
    with Image.open(tmp_path / "p.png") as image:
        colours = {pixel for _, pixel in image.convert("RGB").getcolors(1 << 24)}
        assert image.width < image.height
    assert {(0x1D, 0x4E, 0xD8), (0xA2, 0x1C, 0xAF)} & colours, "colours of the page"


def test_nothing_to_draw_is_no_defect(tmp_path):
    broken = [{**row("broken", "uniform", 4, "nano"), "error": "does not fit"}]
    for name in ("p.html", "p.svg", "p.png"):
        assert plot_bytes(tmp_path / name, broken, "r.csv")
    with pytest.raises(UnsupportedError, match=r"expected a name ending in \.html, \.svg, \.png"):
        require_plot_format(tmp_path / "p.pdf")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_it_has_no_complaint_and_no_sideways_scroll(
    rows, browser: Browser, tmp_path, width, dark
):
    page = tmp_path / "sweep.html"
    page.write_text(sweep_page(rows, "results.csv"))
    browser.open(page, width, dark=dark)
    check_pictures(browser, page, width, 7)
    seen = ".wide" if width > 600 else ".phone"
    assert (
        browser.evaluate(f"document.querySelectorAll('{seen} svg .mark').length")
        == 7 * 2 + 8 * 4 + 2
    )
    browser.screenshot(Path(tmp_path / f"sweep{width}{dark}.png"))


def test_the_points_of_the_front_are_named(rows):
    page = wide_pictures(sweep_page(rows, "results.csv"))[3]
    names = re.findall(r'class="named[^"]*"[^>]*>([^<]+)<', page)
    assert names
    assert set(names) <= {"base-size8", "base-size16"}
