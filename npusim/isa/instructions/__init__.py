"""One page for each instruction: all that is true of it (npusim/isa/page.py names the parts)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from npusim.isa.fields import Format, Register
from npusim.isa.instructions import cfg, fence, halt, ld, mac, rq, st, vec
from npusim.isa.page import Page
from npusim.isa.spec import QUEUED_ENGINES

_PAGES: tuple[Page, ...] = (cfg, ld, st, mac, rq, vec, fence, halt)
PAGES: Mapping[str, Page] = MappingProxyType({page.FORMAT.name: page for page in _PAGES})
FORMATS: Mapping[str, Format] = MappingProxyType({name: p.FORMAT for name, p in PAGES.items()})


def _registers(engine: str) -> tuple[Register, ...]:
    """Return all configuration registers that the instructions of `engine` read, by index."""
    pages = (page for page in _PAGES if engine in page.FORMAT.engines)
    found = {register.index: register for page in pages for register in page.REGISTERS}
    return tuple(found[index] for index in sorted(found))


REGISTERS = {engine: _registers(engine) for engine in QUEUED_ENGINES}
"""The configuration registers of each engine."""


def last_register(engine: str, parameters: Mapping[str, int]) -> int:
    """Return the index of an engine's last register in a machine of these Verilog `parameters`."""
    return max(r.index for r in REGISTERS[engine] if parameters.get(r.built_with, True))
