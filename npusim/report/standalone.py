"""Pictures as files of their own: SVG with the page's colours written in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from npusim.report.machine_charts import CHARTS, WIDE
from npusim.report.pages import style


def plain_style(sheet: str) -> str:
    """Return a style sheet in the light colours, without variables, which few readers know."""
    sheet = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", sheet)
    values = dict(re.findall(r"(--[\w-]+):\s*([^;}]+)", sheet))
    sheet = " ".join(sheet.split())
    resolved = re.sub(r"var\((--[\w-]+)\)", lambda found: values[found[1]].strip(), sheet)
    rules = re.findall(r"([^{}]+)(\{[^{}]*\})", resolved)
    drawn = r"(svg|circle)?([.][\w.]+)?( [+] [.]\w+)?"
    return "".join(
        f"{selector.strip()} {body}\n"
        for selector, body in rules
        if re.fullmatch(rf"{drawn}(,\s*{drawn})*", selector.strip()) and "--" not in body
    )


def standalone(svg: str) -> str:
    """Return an inline picture of a page as the text of an .svg, on white."""
    found = re.match(r'<svg viewBox="0 0 (\d+) (\d+)"[^>]*>', svg)
    assert found is not None
    width, height = found.groups()
    used = {name for names in re.findall(r'class="([^"]+)"', svg) for name in names.split()}
    sheet = "".join(
        rule
        for rule in plain_style(style()).splitlines(keepends=True)
        if not (names := set(re.findall(r"\.([a-zA-Z]\w*)", rule.split("{")[0]))) or names & used
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">\n<style>\n{sheet}</style>\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
    )
    return head + svg[found.end() :] + "\n"


def pictures(data: Mapping[str, Any], width: int = WIDE) -> Iterator[tuple[str, str]]:
    """Yield the name and the .svg text of every picture that has something to show."""
    for name, chart in CHARTS.items():
        svg = chart(data, width)
        if svg:
            yield name, standalone(svg)
