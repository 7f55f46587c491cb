"""What every page of pictures holds, seen in a browser."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tests.report.browser import Browser

OVERLAPS = """
[...document.querySelectorAll('figure[data-chart] svg')].flatMap((svg) => {
  const boxes = [...svg.querySelectorAll('text:not(.inside)')]
    .map((t) => [t.textContent, t.getBoundingClientRect(), t])
    .filter(([words, box, t]) => words && box.width && !t.getAttribute('transform'));
  return boxes.flatMap(([words, a], i) => boxes.slice(i + 1)
    .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
    .map(([other]) => `${words} | ${other}`));
})
"""
"""Pairs of words that lie on each other, but for tilted ones and those inside marks."""


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
    assert browser.evaluate(OVERLAPS) == []
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
