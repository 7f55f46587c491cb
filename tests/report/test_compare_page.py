"""The page of a comparison in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from npusim.explore.compare import compare
from npusim.report.compare_page import compare_page
from tests.explore.test_compare import SAMPLES
from tests.quant.networks import every_operator
from tests.report.browser import Browser
from tests.report.pictures import check_pictures

SCHEMES = ("uniform", "wes", "pwlq", "subset", "subset-normalized", "multipoint-2")


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    return compare(
        every_operator(3), SAMPLES, schemes=SCHEMES, bits=(8, 4, 3), budgets=("bytes=0.7x",),
        layer_errors=True, threads=1,
    )  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(
    data: dict[str, Any], browser: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    """Drawn for a desk and a phone, with what rows cost where a machine was given."""
    rows = [
        {**row, "cycles": 1000 + 10 * i, "energy_pj": {"total": 1e6 + 1e4 * i}}
        for i, row in enumerate(data["rows"])
    ]
    page = tmp_path / "compare.html"
    page.write_text(compare_page({**data, "rows": rows, "machine": "base"}, "there.json"))
    browser.open(page, width, dark=dark)
    count = page.read_text().count("<figure data-chart")
    check_pictures(browser, page, width, count)
    names = browser.evaluate(
        "[...document.querySelectorAll('figure[data-chart]')].map(f => f.dataset.chart)"
    )
    assert {"bytes", "cycles", "energy_pj", "bits_1", "layers_1", "weights_1"} <= set(names)
    assert {"alone_db_1", "all_but_db_2", "cumulative_db_3"} <= set(names)
    browser.screenshot(tmp_path / f"compare{width}{dark}.png")
