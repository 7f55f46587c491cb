"""How npusim marks the loops that numba compiles.

`scalar` marks arithmetic on single integers: called from Python it is plain Python on unbounded
ints, called from a kernel it is compiled. `kernel` marks loops over arrays that call scalars;
`entry` marks a kernel that is called by its address, with integers only.

Importing numba costs more than many a command does: the marks only note what numba is to be told,
and the first call of a kernel imports it.

`kernel_cache` says how long a compiled kernel is kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache, cached_property, partial, update_wrapper
from threading import Lock
from typing import Any, TypeVar

from npusim.cache import PACKAGE
from npusim.errors import NpuError

Function = TypeVar("Function", bound=Callable[..., Any])

PLAIN_ROUNDS = 200_000
"""Rounds of a loop that plain Python takes about as long for as numba takes to load a kernel."""

_untold: list[Callable[[], object]] = []
"""What numba has to be told before it compiles a kernel."""
_telling = Lock()
if hasattr(os, "register_at_fork"):  # another thread may hold it while this one forks
    os.register_at_fork(after_in_child=_telling._at_fork_reinit)  # type: ignore[attr-defined]


def sources_hash() -> str:
    """Return a hash of every Python source of the package (16 hexadecimal digits)."""
    import numba

    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(PACKAGE)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _tell() -> None:
    """Tell numba of all scalars and specialized functions of the imported modules."""
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise NpuError("NUMBA_DISABLE_JIT is set: npusim's kernels are compiled by numba; unset it")
    with _telling:  # threads may call their first kernels at once
        while _untold:
            _untold.pop(0)()


def scalar(function: Function) -> Function:
    """Mark arithmetic that plain Python and kernels share."""

    def tell() -> None:
        from numba.extending import register_jitable

        register_jitable(function)

    _untold.append(tell)
    return function


class Kernel:
    """A function that is compiled for its arguments' types when it is first called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.function = function
        self._plain_rounds = 0

    @cached_property
    def compiled(self) -> Any:
        """What numba made of it."""
        from npusim.datapath.kernel_cache import compiled

        _tell()
        return compiled(self.function)

    @property
    def _numba_type_(self) -> Any:
        """What numba takes it for where another kernel calls it."""
        return self.compiled._numba_type_

    def is_worth_compiling(self, rounds: int) -> bool:
        """Return whether a call of so many rounds of its innermost loop should be compiled.

        Few are sooner done by `function`, with lists for arrays, than numba is imported. Rounds of
        all calls add up: plain ones never take much longer than the import would have.
        """
        self._plain_rounds += rounds
        return "compiled" in self.__dict__ or self._plain_rounds > PLAIN_ROUNDS

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the compiled function."""
        return self.compiled(*arguments, **named)

    def bind(self, *arguments: Any) -> Callable[[], Any]:
        """Return the call on these very arguments, whose types are then asked for once."""
        types = tuple(self.compiled.typeof_pyval(argument) for argument in arguments)
        return partial(self.compiled.compile(types), *arguments)


kernel = Kernel


def entry(function):  # type: ignore[no-untyped-def]
    """Mark a kernel (x, y, description, first, end) -> other than 0, all int64.

    Calling what this returns compiles it; keep the result as long as its `address` is used. numba
    ends such a kernel with 0 where memory is exhausted.
    """

    @cache
    def compiled():  # type: ignore[no-untyped-def]
        from npusim.datapath.kernel_cache import compiled_entry

        _tell()
        return compiled_entry(function, "int64(int64, int64, int64, int64, int64)")

    return compiled


def operation(function):  # type: ignore[no-untyped-def]
    """Mark an operation of three operands that numba emits as `function` (an intrinsic) says.

    Kernels call what this returns; plain Python cannot.
    """

    def call(a, b, c):  # type: ignore[no-untyped-def]
        raise TypeError(f"{function.__name__} can be called from kernels alone")

    def tell() -> None:
        from numba.extending import intrinsic, overload

        emitted = intrinsic(function)

        @overload(call, inline="always")
        def _(a, b, c):  # type: ignore[no-untyped-def]
            return lambda a, b, c: emitted(a, b, c)

    _untold.append(tell)
    return update_wrapper(call, function)


def specialized(function):  # type: ignore[no-untyped-def]
    """Mark a kernel's body that is compiled once for each set of literal arguments.

    A function passed as an argument would do the same, but numba cannot cache its callers.
    """

    def tell() -> None:
        from numba.extending import overload

        @overload(function, prefer_literal=True, strict=False, inline="always")
        def _(*args, **kwargs):  # type: ignore[no-untyped-def]
            return function

    _untold.append(tell)
    return function
