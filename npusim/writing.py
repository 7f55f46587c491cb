"""Files of results, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from npusim.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEMBER_NAME_BYTES = (1 << 16) - 5
"""Longest name of an archive's member, without its suffix .npy."""
PARTIAL = ".partial"
PARTIAL_NAME_CHARACTERS = 50
"""What of a file's name stands in that of its unfinished form: any name that a file can have is
short enough to be written."""


def require_suffix(what: str, path: Path | None, suffixes: tuple[str, ...]) -> None:
    """Raise FormatError unless the name of `path` ends as the format that is written there."""
    if path is not None and not _is_device(path) and not path.name.lower().endswith(suffixes):
        raise FormatError(f"{path}: expected a name ending in {' or '.join(suffixes)} for {what}")


def require_writable(path: Path | None) -> None:
    """Raise FormatError unless a file could be written at `path`: called before the long work."""
    if path is None:
        return
    try:
        is_folder = path.is_dir()
    except OSError as error:  # the name is too long
        raise FormatError(f"{path}: cannot write it: {error.strerror}") from None
    if is_folder:
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


def require_outputs(outputs: Mapping[str, Path | None], *inputs: str | Path | None) -> None:
    """Raise FormatError unless each file can be written, and none is another or an input.

    Parameters
    ----------
    outputs
        Files to write, by the option that names them; None where an option was not given.
    inputs
        Files that the command reads: writing over one would destroy what the result was made of.
    """
    taken: dict[Path, str] = {}
    for option, path in outputs.items():
        require_writable(path)
        if path is None or _is_device(path):
            continue
        place = path.resolve()
        for source in inputs:
            if source is not None and place == Path(source).resolve():
                raise FormatError(f"{option} {path}: would replace the file that is read")
        if place in taken:
            raise FormatError(
                f"{option} {path}: expected another file for each output, {taken[place]} names it"
            )
        taken[place] = option


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
    start = f".{target.name[:PARTIAL_NAME_CHARACTERS]}."
    _remove_stale(target.parent, start)
    partial = target.with_name(f"{start}{os.getpid()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(target)
    except OSError as error:
        raise FormatError(f"{path}: cannot write it: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def _remove_stale(directory: Path, start: str) -> None:
    """Remove what processes left that were killed while they wrote a file whose name so begins."""
    if os.name != "posix":
        return
    with suppress(OSError):
        for left in directory.iterdir():
            pid = left.name.removeprefix(start).removesuffix(PARTIAL)
            if left.name == f"{start}{pid}{PARTIAL}" and pid.isdecimal() and not _runs(int(pid)):
                left.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no process number at all
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with whole_file(path) as file:
        file.write(text.encode())


def write_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write `arrays` as an .npz file, keyed by tensor name, whatever the names are.

    Raises
    ------
    FormatError
        The file cannot be written, or a name cannot be that of an archive's member.
    """
    import zipfile

    import numpy as np

    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            _check_member_name(path, name)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)


def _check_member_name(path: Path, name: str) -> None:
    """Raise FormatError for a name that zip archives cut, or that is no text."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded or len(encoded) > MEMBER_NAME_BYTES:
        shown = name if len(name) < 80 else f"{name[:80]}..."
        raise FormatError(
            f"{path}: an archive cannot hold a tensor called {shown!r}: expected at most "
            f"{MEMBER_NAME_BYTES} bytes of UTF-8 without a zero byte"
        )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as indented JSON."""
    write_text(path, json.dumps(content, indent=2) + "\n")
