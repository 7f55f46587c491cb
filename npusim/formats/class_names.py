"""Names of a classifier's classes, from a text file with one a line."""

from __future__ import annotations

from pathlib import Path

from npusim.errors import FormatError
from npusim.reading import file_text


def read_names(path: Path, classes: int) -> tuple[str, ...]:
    """Return the names in the text file at `path`, one for each class.

    Raises
    ------
    FormatError
        The file cannot be read, or has another number of lines than `classes`.
    """
    text = file_text(path, "text, one name a line")
    names = tuple(line.strip() for line in text.splitlines())
    if len(names) != classes:
        raise FormatError(f"{path}: expected {classes} names, one a line, found {len(names)}")
    return names
