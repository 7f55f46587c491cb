"""A description of one's own module in a small text file: what `verify_module` is told in Python.

module = "my_requantizer"
latency_cycles = 3
contract_parameters = { MAX_TERMS = 1 }

[wiring]
clock = "clk"
enable = ""                       # there is no such port
ports = { acc = "psum", y = "q" }
widths = { y = 8 }
fixed = { mode = 1 }
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, field

from npusim.cosim.wiring import Wiring
from npusim.toml_tables import Table, count, parsed, read, text_of

NAME = Meta(description="a port of the module; empty: there is none")


class WiringTable(Table, frozen=True):
    """Fields of `Wiring`."""

    clock: Annotated[str, NAME] = "clk_i"
    reset: Annotated[str, NAME] = "rst_i"
    reset_level: Annotated[int, count(0, 1, "at which the reset is active")] = 1
    reset_asynchronous: bool = False
    enable: Annotated[str, NAME] = "en_i"
    valid_in: Annotated[str, NAME] = "valid_i"
    valid_out: Annotated[str, NAME] = "valid_o"
    ports: dict[str, str] = field(default_factory=dict)
    ties: dict[str, int] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    unsigned: list[str] = field(default_factory=list)
    fixed: dict[str, int] = field(default_factory=dict)


class OwnModule(Table, frozen=True):
    """Arguments of `verify_module`."""

    module: str = ""
    latency_cycles: Annotated[int, count(0, 4096, "enabled cycles from input to output")] | None = (
        None
    )
    parameters: dict[str, int] = field(default_factory=dict)
    contract_parameters: dict[str, int] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    wiring: WiringTable = field(default_factory=WiringTable)


def read_own_module(path: Path | None, sources: tuple[Path, ...]) -> dict[str, Any]:
    """Return the arguments of `verify_module` that the file at `path` says.

    Parameters
    ----------
    path
        None: a module with the contract's own ports, called as its file.
    sources
        Verilog files; a module without a name is called as the first.

    Raises
    ------
    FormatError, RangeError
        The file cannot be read, or a key or value is not one of these.
    """
    found = OwnModule()
    if path is not None:
        found = read(parsed(text_of(path), str(path)), OwnModule, str(path))
    given = {name: getattr(found.wiring, name) for name in found.wiring.__struct_fields__}
    for role in ("clock", "reset", "enable", "valid_in", "valid_out"):
        given[role] = given[role] or None
    folder = Path() if path is None else path.parent
    return {
        "module": found.module or sources[0].stem,
        "wiring": Wiring(**given),
        "latency_cycles": found.latency_cycles,
        "parameters": found.parameters,
        "contract_parameters": found.contract_parameters,
        "includes": [folder / name for name in found.includes],
        "unreachable": found.unreachable,
    }
