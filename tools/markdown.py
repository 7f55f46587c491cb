"""Lines of a Markdown table."""

from __future__ import annotations


def row(*cells: object) -> str:
    """Return a line of a table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def header(*titles: str) -> list[str]:
    """Return the two lines that a table begins with."""
    return [row(*titles), "|" + "---|" * len(titles)]
