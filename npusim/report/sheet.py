"""Tables that fit a terminal without cutting a number.

Columns give way by rank, the highest first, then names are shortened in their middle. What was
left out is said below the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from npusim.printable import printable
from npusim.report.bars import shortened

GAP = 2
"""Characters between columns."""
LEAST_NAME = 12
"""Characters that a name keeps at least."""
MOST_NAME = 36


@dataclass(frozen=True)
class Column:
    """One column: `rank` 0 always stays, others give way from the highest down.

    A `name` may be shortened in its middle; `footer` is the total.
    """

    title: str
    rank: int = 0
    is_name: bool = False
    is_text: bool = False
    footer: str = ""


@dataclass
class Sheet:
    """Columns and rows of text, of which `show` prints what fits."""

    columns: Sequence[Column]
    rows: list[Sequence[str]] = field(default_factory=list)
    bold: set[int] = field(default_factory=set)

    def add(self, *cells: str, bold: bool = False) -> None:
        """Add a row, a cell for each column."""
        if bold:
            self.bold.add(len(self.rows))
        self.rows.append(cells)

    def show(self, console: Console) -> list[str]:
        """Print the table as wide as `console` is; say and return the columns left out of it."""
        table, left_out = self.fitted(console.width)
        console.print(table)
        if left_out:
            console.print(f"(columns left out for the terminal's width: {', '.join(left_out)})")
        return left_out

    def fitted(self, width: int) -> tuple[Table, list[str]]:
        """Return the table at `width` characters, and the titles of columns that gave way."""
        titles = [column.title for column in self.columns]
        kept = list(range(len(self.columns)))
        widths = self._widths(titles)
        if sum(widths) + GAP * (len(kept) - 1) > width:
            cells = self._widths([""] * len(kept))
            titles = [_broken(title, least) for title, least in zip(titles, cells, strict=True)]
            widths = self._widths(titles)

        def needed() -> int:
            least = (
                min(widths[i], LEAST_NAME) if self.columns[i].is_name else widths[i] for i in kept
            )
            return sum(least) + GAP * (len(kept) - 1)

        left_out = []
        while needed() > width and any(self.columns[i].rank for i in kept):
            victim = max(kept, key=lambda i: (self.columns[i].rank, i))
            kept.remove(victim)
            left_out.append(self.columns[victim].title)
        spare = width - needed()
        table = Table(box=None, pad_edge=False, header_style="bold", footer_style="bold")
        room = dict.fromkeys(kept, 0)
        for i in kept:
            column = self.columns[i]
            if column.is_name:
                given = min(widths[i] - min(widths[i], LEAST_NAME), max(spare, 0))
                spare -= given
                room[i] = min(widths[i], LEAST_NAME) + given
            is_left = column.is_name or column.is_text
            table.add_column(
                titles[i], column.footer, justify="left" if is_left else "right", no_wrap=True
            )
        table.show_footer = any(column.footer for column in self.columns)
        for number, row in enumerate(self.rows):
            shown = [shortened(row[i], room[i]) if room[i] else row[i] for i in kept]
            table.add_row(
                *(Text(printable(cell)) for cell in shown),
                style="bold" if number in self.bold else None,
            )
        return table, left_out

    def _widths(self, titles: Sequence[str]) -> list[int]:
        widths = []
        for i, column in enumerate(self.columns):
            cells = (*titles[i].split("\n"), column.footer, *(row[i] for row in self.rows))
            widest = max(map(len, cells))
            widths.append(min(widest, MOST_NAME) if column.is_name else widest)
        return widths


def _broken(title: str, width: int) -> str:
    """Return `title` in lines of at most `width` characters, or of one word."""
    lines: list[str] = []
    for word in title.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)
