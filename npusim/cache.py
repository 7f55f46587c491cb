"""Where npusim keeps what it can make again: compiled kernels and compiled designs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

on_compile: list[Callable[[str], None]] = []
"""Called with the name of a kernel that is about to be compiled, because no file has it."""
on_compiled: list[Callable[[str], None]] = []
"""Called with the name of a kernel that has been compiled."""


def cache_directory(part: str) -> Path:
    """Return the directory of `part`: in NPUSIM_CACHE_DIR, else in the user's cache.

    Where neither can be written (a container's read-only home), it is in a directory for temporary
    files, and standard error says so once.
    """
    return cache_home() / part


def cache_home() -> Path:
    """Return the directory that the parts are in."""
    return _home(os.environ.get("NPUSIM_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME"))


@cache
def _home(own: str | None, user: str | None) -> Path:
    if own:
        wanted = Path(own)
    else:
        try:
            wanted = Path(user or Path.home() / ".cache", "npusim")
        except RuntimeError:  # no home directory is known
            wanted = Path("/nonexistent/npusim")
    if _is_writable(wanted):
        return wanted
    name = f"npusim-{os.getuid()}" if hasattr(os, "getuid") else "npusim"
    fallback = Path(tempfile.gettempdir(), name)
    try:
        fallback.mkdir(mode=0o700, exist_ok=True)
        is_ours = not fallback.is_symlink() and fallback.stat().st_uid == os.getuid()
    except OSError:
        is_ours = False
    if not is_ours or not _is_writable(fallback):  # what others can write is never loaded as code
        fallback = Path(tempfile.mkdtemp(prefix="npusim-"))
    print(
        f"npusim: {wanted} cannot be written, the cache is {fallback} (NPUSIM_CACHE_DIR names one)",
        file=sys.stderr,
    )
    return fallback


def _is_writable(directory: Path) -> bool:
    """Return whether a file could be made in `directory`, which is made where it is missing."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True
