"""How npusim compiles its loops: every numba flag, and the cache, stand here and nowhere else.

`scalar` marks arithmetic on single integers: called from Python it is plain Python on unbounded
ints, called from a kernel it is compiled. `kernel` marks loops over arrays that call scalars;
`entry` marks a kernel that is called by its address, with integers only.

numba keeps a compiled kernel as long as its own file is unchanged, although a scalar in another
file may have changed. The cache directory is therefore named by a hash of all the sources.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

import numba
from numba.extending import overload, register_jitable

PACKAGE = Path(__file__).resolve().parents[1]


def sources_hash() -> str:
    """Return a hash of every Python source of the package (16 hexadecimal digits)."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(PACKAGE)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """Return where compiled kernels of exactly these sources are kept."""
    home = os.environ.get("NPUSIM_CACHE_DIR") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "npusim"
    )
    return Path(home, sources_hash())


numba.config.CACHE_DIR = str(cache_directory())  # type: ignore[attr-defined]

scalar = register_jitable
kernel = numba.njit(cache=True, nogil=True, error_model="numpy")


def entry(function):  # type: ignore[no-untyped-def]
    """Mark a kernel (x, y, description, first, end) -> other than 0, all int64.

    Calling what this returns compiles it; keep the result as long as its `address` is used. numba
    ends such a kernel with 0 where memory is exhausted.
    """
    compiled = numba.cfunc(
        "int64(int64, int64, int64, int64, int64)", cache=True, error_model="numpy"
    )
    return cache(lambda: compiled(function))


def specialized(function):  # type: ignore[no-untyped-def]
    """Mark a kernel's body that is compiled once for each set of literal arguments.

    A function passed as an argument would do the same, but numba cannot cache its callers.
    """

    @overload(function, prefer_literal=True, strict=False)
    def _(*args, **kwargs):  # type: ignore[no-untyped-def]
        return function

    return function
