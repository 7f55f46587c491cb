"""A Verilog design under simulation: top module, sources, parameters, defines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from npusim.cosim.errors import CosimulationError
from npusim.reading import file_bytes


@dataclass(frozen=True)
class Design:
    """What decides a build: two designs with the same `key` are the same simulation."""

    top: str
    sources: tuple[Path, ...]
    parameters: Mapping[str, int] = field(default_factory=dict)
    """Values for parameters of `top`."""
    defines: Mapping[str, str] = field(default_factory=dict)
    includes: tuple[Path, ...] = ()
    """Directories searched for `include files."""

    def require_sources(self) -> None:
        """Raise CosimulationError for the first source or include directory that is missing."""
        if not self.sources:
            raise CosimulationError(f"{self.top}: expected at least one Verilog source, found none")
        for path in (*self.sources, *self.includes):
            if not path.exists():
                raise CosimulationError(f"{self.top}: source {path} does not exist")

    def key(self, *extra: str) -> str:
        """Return a hash of everything that decides the build, the sources' bytes included."""
        digest = hashlib.sha256(repr((self.top, extra)).encode())
        digest.update(repr(sorted(self.parameters.items())).encode())
        digest.update(repr(sorted(self.defines.items())).encode())
        headers = [
            path
            for folder in self.includes
            for path in sorted(folder.iterdir())
            if path.suffix in (".v", ".sv", ".vh", ".svh", ".hex", ".mem")
        ]
        for path in (*self.sources, *headers):
            digest.update(path.name.encode())
            digest.update(file_bytes(path, "a source of a design"))
        return digest.hexdigest()[:20]
