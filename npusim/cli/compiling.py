"""What a command says of the kernels that it compiles: which, for how long, where they are kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from npusim.cache import cache_directory, on_compile, on_compiled

NAMED = 4
"""Kernels that are named where there are more."""


@dataclass
class Compilations:
    """The kernels that were compiled since the command began."""

    names: list[str] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    def begin(self, name: str) -> None:
        """Say once that kernels are compiled, beginning with `name`."""
        self.names.append(name)
        if len(self.names) == 1:
            self.began = time.monotonic()
            print(
                f"npusim: compiling kernels, once for this computer (5 to 30 s): {name} ...",
                file=sys.stderr,
            )

    def end(self, _: str) -> None:
        """Note that a kernel is ready."""
        self.ended = time.monotonic()

    def report(self) -> None:
        """Say what was compiled, where anything was."""
        if not self.ended:
            return
        rest = len(self.names) - NAMED
        named = ", ".join(self.names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
        print(
            f"npusim: compiled {named} in {self.ended - self.began:.1f} s, "
            f"kept in {cache_directory('kernels')}",
            file=sys.stderr,
        )


@contextmanager
def compilations_said() -> Iterator[None]:
    """Say on standard error what is compiled while the block runs.

    How it ended is said last: where the block raises, nothing follows that.
    """
    compilations = Compilations()
    on_compile.append(compilations.begin)
    on_compiled.append(compilations.end)
    try:
        yield
    finally:
        on_compile.remove(compilations.begin)
        on_compiled.remove(compilations.end)
        if sys.exc_info()[0] is None:
            compilations.report()
