"""Names of a classifier's classes, from a text file with one a line."""

from __future__ import annotations

from pathlib import Path

from npusim.errors import FormatError


def read_names(path: Path, classes: int) -> tuple[str, ...]:
    """Return the names in the text file at `path`, one for each class.

    Raises
    ------
    FormatError
        The file cannot be read, or has another number of lines than `classes`.
    """
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise FormatError(f"{path}: cannot read it: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: expected text, one name a line: {error}") from None
    if len(names) != classes:
        raise FormatError(f"{path}: expected {classes} names, one a line, found {len(names)}")
    return names
