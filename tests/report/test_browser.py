"""The browser sees what the report must not do: complaints and requests are not silently lost."""

from __future__ import annotations

from pathlib import Path

from tests.report.browser import Browser

BAD = """<!doctype html><body><script>
console.error("one"); console.warn("two"); new Image().src = "https://example.invalid/three.png";
setTimeout(() => { throw new Error("four"); }, 0);
</script><p style="width: 700px">wide</p></body>"""


def test_sees_errors_requests_and_overflow(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(BAD)
    browser.open(page, 390)
    browser.evaluate("new Promise((done) => setTimeout(done, 50))")
    complaints = " ".join(browser.complaints())
    for words in ("one", "two", "four"):
        assert words in complaints
    assert "https://example.invalid/three.png" in browser.requests()
    assert browser.evaluate("document.documentElement.scrollWidth") > 390
