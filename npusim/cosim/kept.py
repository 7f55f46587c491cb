"""Compiled designs, kept on disk under their key: whole, or made again.

A design is compiled beside its place and renamed, because two processes may want the same one. The
list of its files with their checksums is written last, so that a directory that lost a byte or a
file is known and costs one compilation, and a full or unwritable cache costs one for each process.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from npusim.cache import cache_directory
from npusim.cosim.errors import CosimulationError

CHECKSUMS = "checksums.sha256"
KEPT_SECONDS = 7 * 24 * 3600
"""A build that nobody has used for so long is removed."""
ROOM_BYTES = 64 << 20
"""A cache with less room is full: a design that Verilator compiles takes up to half of it."""


def kept(name: str, compile_into: Callable[[Path], None]) -> Path:
    """Return the directory of what `compile_into` makes, compiled now or by an earlier call.

    Parameters
    ----------
    name
        Says everything that decides the build.
    compile_into
        Compiles into the empty directory that it is given, or raises.
    """
    final = cache_directory("cosim") / name
    if final.is_dir():
        if _is_whole(final):
            final.touch()
            return final
        _say(f"{final} is damaged, the design is compiled again")
        shutil.rmtree(final, ignore_errors=True)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _forget_old_builds(final.parent)
        if shutil.disk_usage(final.parent).free < ROOM_BYTES:
            return _compiled_elsewhere(name, final.parent, "no space left", compile_into)
        # Not in its place: it would be seen before it is whole.
        fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=final.parent))
    except OSError as error:
        return _compiled_elsewhere(name, final.parent, str(error.strerror), compile_into)
    try:
        compile_into(fresh)
        try:
            _seal(fresh)
            fresh.rename(final)
        except OSError as error:
            if not final.is_dir():  # else another process was first
                return _compiled_elsewhere(name, final.parent, str(error.strerror), compile_into)
    except CosimulationError:
        if shutil.disk_usage(final.parent).free < ROOM_BYTES:  # it filled meanwhile
            return _compiled_elsewhere(name, final.parent, "no space left", compile_into)
        raise
    finally:
        if fresh.exists():
            shutil.rmtree(fresh, ignore_errors=True)
    return final


def _compiled_elsewhere(
    name: str, directory: Path, why: str, compile_into: Callable[[Path], None]
) -> Path:
    """Compile for this process alone, in the directory of temporary files."""
    _say(f"{directory}: {why}; compiled designs are not kept")
    place = _of_this_process() / name
    if not place.is_dir():
        place.mkdir()
        try:
            compile_into(place)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    return place


@cache
def _of_this_process() -> Path:
    place = Path(tempfile.mkdtemp(prefix="npusim-cosim-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def _seal(directory: Path) -> None:
    """Write the checksums of all files in `directory`."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    lines = [f"{_sha256(path)}  {path.relative_to(directory)}\n" for path in files]
    directory.joinpath(CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def _is_whole(directory: Path) -> bool:
    """Return whether every file that was sealed is there, byte for byte."""
    try:
        lines = directory.joinpath(CHECKSUMS).read_text(encoding="utf-8").splitlines()
        parts = [line.split("  ", 1) for line in lines]
        return bool(parts) and all(_sha256(directory / name) == digest for digest, name in parts)
    except (OSError, ValueError):  # a file is gone, the list is no text or no list
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forget_old_builds(directory: Path) -> None:
    for path in directory.iterdir():
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


@cache
def _say(text: str) -> None:
    print(f"npusim: {text}", file=sys.stderr)
