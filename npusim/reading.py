"""Files that come from anywhere: read whole, and whatever a library raises on one is one line."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from npusim.errors import CapacityError, FormatError, NpuError

MAX_FILE_BYTES = 1 << 32
"""A longer file is refused: protobuf and flatbuffers end at half of this."""


@contextmanager
def readable(where: str | Path, expected: str) -> Iterator[None]:
    """Turn what a library raises on a damaged file into one line: `where`: expected `expected`.

    Its code was written for whole files, so it raises anything. Our own errors pass.

    Raises
    ------
    FormatError
        The library raised something.
    CapacityError
        What the file holds does not fit the memory.
    """
    try:
        yield
    except NpuError:
        raise
    except MemoryError as error:
        raise CapacityError(f"{where}: does not fit the memory: {reason_of(error)}") from None
    except OSError as error:
        raise FormatError(f"{where}: cannot read it: {error.strerror or error}") from None
    except Exception as error:
        raise FormatError(f"{where}: expected {expected}, found: {reason_of(error)}") from None


def is_there(path: Path) -> bool:
    """Return whether there is a file or folder; there is none of a name that none can have."""
    try:
        return path.exists()
    except OSError:  # the name is too long
        return False


def require_file(path: Path, expected: str) -> None:
    """Raise FormatError unless there is a file of a sane size: what is a pipe would never end."""
    with readable(path, expected):
        found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise FormatError(f"{path}: expected {expected}, found a directory")
    if not stat.S_ISREG(found.st_mode):
        raise FormatError(f"{path}: expected {expected}, found what is no file (a pipe or device)")
    if found.st_size > MAX_FILE_BYTES:
        raise CapacityError(f"{path}: has {found.st_size} bytes, the limit is {MAX_FILE_BYTES}")


def file_bytes(path: Path, expected: str) -> bytes:
    """Return the bytes of a file; `expected` says in words what it should be."""
    require_file(path, expected)
    with readable(path, expected):
        return path.read_bytes()


def file_text(path: Path, expected: str) -> str:
    """Return the text of a UTF-8 file; `expected` says in words what it should be."""
    data = file_bytes(path, expected)
    with readable(path, expected):
        return data.decode("utf-8").replace("\r\n", "\n")


def reason_of(error: Exception) -> str:
    """Return what an exception says, in one line."""
    lines = str(error).splitlines() or [""]
    return " ".join(lines[0].split())[:200] or type(error).__name__
