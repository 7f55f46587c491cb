"""Files of results, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from npusim.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def require_writable(path: Path | None) -> None:
    """Raise FormatError unless a file could be written at `path`: called before the long work."""
    if path is None:
        return
    if path.is_dir():
        raise FormatError(f"{path}: expected a file to write, found a directory")
    if _is_device(path):
        return
    if not path.absolute().parent.is_dir():
        raise FormatError(f"{path}: there is no directory {path.absolute().parent}")
    if not os.access(path.absolute().parent, os.W_OK):
        raise FormatError(f"{path}: the directory is not writable")


def _is_device(path: Path) -> bool:
    """Return whether `path` is something else than a file, as /dev/null or a pipe are."""
    return path.exists() and not path.is_file()


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` when the block ends well, and leaves nothing otherwise.

    A link stays, and what it names is replaced. What is no file (/dev/null, /dev/stdout, a pipe) is
    written to: a new file in its place would take it from every other program.
    """
    if _is_device(path):
        try:
            with path.open("wb") as file:
                yield file
        except OSError as error:
            raise FormatError(f"{path}: cannot write it: {error.strerror}") from None
        return
    target = path.resolve() if path.is_symlink() else path
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(target)
    except OSError as error:
        raise FormatError(f"{path}: cannot write it: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with whole_file(path) as file:
        file.write(text.encode())


def write_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write `arrays` as an .npz file, keyed by tensor name."""
    import numpy as np

    with whole_file(path) as file:
        np.savez(file, **dict(arrays))  # type: ignore[arg-type]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as indented JSON."""
    write_text(path, json.dumps(content, indent=2) + "\n")
