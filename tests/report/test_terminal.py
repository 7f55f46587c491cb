"""Names of a file are text: never markup, never codes that a terminal obeys."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from npusim.printable import one_line, printable
from npusim.report.terminal import PlainConsole, verdict

HOSTILE = ("[/a]", "[red]x", "net[v2]", ":smile:", "a\x1b[2Jb", "\x07\x9b", "\u202etxet", "\ud800")
SHOWN = (
    "[/a]",
    "[red]x",
    "net[v2]",
    ":smile:",
    r"a\x1b[2Jb",
    r"\x07\x9b",
    r"\u202etxet",
    r"\ud800",
)


@pytest.mark.parametrize(("name", "shown"), [*zip(HOSTILE, SHOWN, strict=True)])
def test_a_name_is_shown_as_it_is(name: str, shown: str) -> None:
    console = PlainConsole(width=60)
    console.file = io.StringIO()
    table = Table(title=name)
    table.add_column(name, name)
    table.show_footer = True
    table.add_row(name)
    console.print(table)
    console.print(f"note: {name}")
    text = console.file.getvalue()
    assert text.count(shown) == 5
    assert all(c.isprintable() or c == "\n" for c in text)


def test_colours_are_styles() -> None:
    console = PlainConsole(width=60)
    console.file = io.StringIO()
    console._color_system = None
    console.print(verdict(agrees=True), verdict(agrees=False, word="NOT COVERED"))
    assert console.file.getvalue() == "agrees NOT COVERED\n"


def test_an_error_is_one_line() -> None:
    assert one_line("a\r\n\x1b]0;x\x07 b\u2028c") == r"a \x1b]0;x\x07 b c"
    assert printable("é\n") == "é\n"
