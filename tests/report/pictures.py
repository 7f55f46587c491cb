"""What every page of pictures holds, seen in a browser."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tests.report.browser import Browser


def check_pictures(browser: Browser, page: Path, width: int, count: int) -> None:
    """Require a page whose pictures are drawn for its width, and can be saved in light colours."""
    assert browser.complaints() == []
    assert browser.requests() == [page.absolute().as_uri()]
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    figures = "[...document.querySelectorAll('figure[data-chart]')]"
    assert browser.evaluate(f"{figures}.length") == count
    shown = (
        f"{figures}.map(f => [...f.querySelectorAll('svg')].filter(s => s.getBoundingClientRect()"
        ".width)).map(s => [s.length,"
        " s[0].getBoundingClientRect().width / s[0].viewBox.baseVal.width])"
    )
    for drawn, scale in browser.evaluate(shown):
        assert drawn == 1
        assert scale > 0.8, "letters stay readable"
    texts = (
        "[...document.querySelectorAll('svg text')].filter(t => t.getBoundingClientRect().width)"
    )
    inside = f"{texts}.filter(t => t.getBoundingClientRect().right > {width} + 0.5).length"
    assert browser.evaluate(inside) == 0
    assert browser.evaluate(f"{figures}.every(f => f.querySelectorAll('.save button').length == 2)")
    saved = browser.evaluate(
        "new Promise((done) => { const old = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { blob.text().then(done); return old(blob); };"
        "document.querySelector('.save button').click(); })"
    )
    root = ElementTree.fromstring(saved)
    (ground, *_) = root
    assert ground.get("fill") == "#fff"
    axis = next(node for node in root.iter() if node.get("class", "").startswith("axis"))
    assert "fill:rgb(22, 32, 43)" in axis.get("style", "").replace("fill: ", "fill:")
