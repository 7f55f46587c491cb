"""Compiled kernels, kept on disk as long as the sources that they were made of stay the same.

numba keeps a kernel as long as its own file is unchanged, although a scalar in another file may
have changed. Here a kernel belongs to the bytes of its module and of all modules of the package
that it imports, directly or not: an edit compiles again what it can change, and nothing else. One
kernel and its arguments' types are one file, written whole and with its checksum, so that
processes may share the directory and a damaged file costs one compilation.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import sigutils, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.ccallback import CFunc
from numba.core.environment import Environment, _rebuild_env, lookup_environment
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps
from numba.np.numpy_support import from_dtype, map_layout

from npusim.cache import PACKAGE, cache_directory, on_compile, on_compiled

CHECKSUM_BYTES = hashlib.sha256().digest_size


IMPORT = re.compile(r"^(?:from ([\w.]+) import (\([^)]*\)|[^\n(]*)|import ([\w.]+))", re.MULTILINE)
"""An import of a module's body; to parse the sources would take as long as to load the kernels."""


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    """Return the package's modules that the module at `path` imports when it is imported."""
    found = []
    for module, members, alone in IMPORT.findall(path.read_text()):
        name = module or alone
        top, _, rest = name.partition(".")
        if top != PACKAGE.name:
            continue
        inside = PACKAGE.joinpath(*rest.split("."))
        found += [inside.with_suffix(".py")]
        found += [inside.joinpath(f"{member}.py") for member in re.findall(r"\w+", members)]
    return tuple(file for file in dict.fromkeys(found) if file.is_file())


@cache
def sources_stamp(path: Path) -> str:
    """Return a hash of the module at `path` and of all that it imports (32 hexadecimal digits)."""
    wanted, reached = [path], {path}
    while wanted:
        for module in _imports(wanted.pop()):
            if module not in reached:
                reached.add(module)
                wanted.append(module)
    digest = hashlib.sha256(f"{numba.__version__} {sys.implementation.cache_tag}".encode())
    for module in sorted(reached):
        digest.update(os.path.relpath(module, PACKAGE).encode())
        digest.update(hashlib.sha256(module.read_bytes()).digest())
    return digest.hexdigest()[:32]


class _Reader(pickle.Unpickler):
    """Reads a kernel without importing the modules that its functions came from.

    numba names them for code that runs in the interpreter; compiled loops look nothing up in them.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Return what the file calls `name`."""
        if (module, name) == (_rebuild_env.__module__, _rebuild_env.__name__):
            return _environment
        return super().find_class(module, name)


def _environment(module: str, constants: list[Any], name: str) -> Environment:
    """Return the constants of a function of `module`, as numba's _rebuild_env."""
    found = lookup_environment(name)  # type: ignore[no-untyped-call]
    if found is None:
        loaded = sys.modules.get(module)
        found = Environment({"__name__": module} if loaded is None else loaded.__dict__)
        found.consts[:] = constants
        found.env_name = name
        Environment._memo[name] = found
    return found


class _Unplaced(CompileResultCacheImpl):
    """numba's way to write a kernel down, without its choice of a place."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


class KernelCache(FunctionCache):
    """The files of one kernel."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = function.__qualname__
        self._py_func = function
        self._impl = _Unplaced(function)
        path = Path(function.__code__.co_filename).resolve()
        self._source = f"{path.stem}.{function.__qualname__}"
        self._directory = cache_directory("kernels") / sources_stamp(path)
        self._enabled = True

    @property
    def cache_path(self) -> str:
        """The directory of its files."""
        return str(self._directory)

    def _file(self, sig: Any, codegen: Any) -> Path:
        key = self._index_key(sig, codegen)  # type: ignore[no-untyped-call]
        name = "".join(c if c.isalnum() or c in "._" else "_" for c in self._source)
        options = os.environ.get("NUMBA_BOUNDSCHECK", "")  # changes code, and is not in numba's key
        return self._directory / f"{name}-{_digest(repr((key, options)).encode())[:32]}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel for arguments `sig`, None where it has to be compiled.

        A file holds machine code. It needs numba's memory functions, and not what numba's own
        method prepares here: all that a compilation may use, in a sixth of a second.
        """
        rtsys.initialize(target_context)
        return self._load_overload(sig, target_context)

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        file = self._file(sig, target_context.codegen())
        try:
            stored = file.read_bytes()
        except OSError:
            stored = b""
        if stored:
            checksum, payload = stored[:CHECKSUM_BYTES], stored[CHECKSUM_BYTES:]
            if hashlib.sha256(payload).digest() == checksum:
                return self._impl.rebuild(target_context, _Reader(io.BytesIO(payload)).load())
        if file.is_file():
            print(
                f"npusim: {file} is damaged, the kernel is compiled again",
                file=sys.stderr,
            )
        for listener in on_compile:
            listener(self._source)
        return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        for listener in on_compiled:
            listener(self._source)
        if not self._impl.check_cachable(data):
            return
        payload = dumps(self._impl.reduce(data))  # type: ignore[no-untyped-call]
        file = self._file(sig, data.codegen)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            descriptor, partial = tempfile.mkstemp(dir=self._directory, prefix=".partial-")
            try:
                with os.fdopen(descriptor, "wb") as opened:
                    opened.write(hashlib.sha256(payload).digest() + payload)
                Path(partial).replace(file)
            except OSError:
                Path(partial).unlink(missing_ok=True)
                raise
        except OSError as error:
            _say_not_kept(self._directory, error.strerror)

    def flush(self) -> None:
        """Remove its files."""
        for file in self._directory.glob(f"{self._source}-*"):
            file.unlink(missing_ok=True)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@cache
def _say_not_kept(directory: Path, why: str) -> None:
    print(f"npusim: {directory}: {why}; compiled kernels are not kept", file=sys.stderr)


def compiled(function: Callable[..., Any]) -> Any:
    """Return numba's dispatcher of `function`, which keeps what it compiles."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    dispatcher.typeof_pyval = partial(_type_of, dispatcher.typeof_pyval)
    dispatcher._cache = KernelCache(function)
    return dispatcher


def _type_of(type_of_any: Callable[[Any], Any], value: Any) -> Any:
    """Return numba's type of an argument; of an array without importing numpy.ma to ask for it."""
    if type(value) is not np.ndarray:
        return type_of_any(value)
    layout, is_fixed = map_layout(value), not value.flags.writeable
    return types.Array(from_dtype(value.dtype), value.ndim, layout, readonly=is_fixed)


def compiled_entry(function: Callable[..., Any], signature: str) -> Any:
    """Return numba's callback of `function`, compiled or read from its file."""
    types = sigutils.normalize_signature(signature)  # type: ignore[no-untyped-call]
    callback: Any = CFunc(
        function,
        types,
        locals={},
        options={"error_model": "numpy"},
    )
    callback._cache = KernelCache(function)
    callback.compile()
    return callback
