"""npusim's own units: which there are, and where their RTL is.

Inside a checkout (a directory that holds rtl/ and npusim/) the checkout's RTL is verified, anywhere
else the RTL that travels inside the package.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import npusim.datapath
from npusim.cosim.errors import CosimulationError
from npusim.datapath.contract import Unit
from npusim.errors import suggested

PACKAGE = Path(__file__).resolve().parents[1]

_INSTANCE = re.compile(r"^\s*(npu_\w+)\s*(?:#|\w)", re.MULTILINE)


def unit_names() -> tuple[str, ...]:
    """Return the names of all datapath pages that state a contract, in alphabetical order."""
    names = sorted(info.name for info in pkgutil.iter_modules(npusim.datapath.__path__))
    return tuple(name for name in names if _states_contract(name))


def _states_contract(name: str) -> bool:
    # Looking at the text spares importing every page (and numba) to list them.
    page = Path(next(iter(npusim.datapath.__path__)), f"{name}.py")
    return re.search(r"^UNIT\b", page.read_text(), re.MULTILINE) is not None


def load_unit(name: str) -> Unit:
    """Return the contract of the unit called `name`.

    Raises
    ------
    CosimulationError
        There is no such unit; the message lists those that exist.
    """
    names = unit_names()
    if name not in names:
        raise CosimulationError(
            f"unit {name}: expected one of {', '.join(names)}, found none such"
            + suggested(name, names)
        )
    unit = importlib.import_module(f"npusim.datapath.{name}").UNIT
    assert isinstance(unit, Unit)
    return unit


def rtl_directory(start: Path | None = None) -> Path:
    """Return the checkout's rtl/ where `start` (the current directory) is inside one, else ours."""
    place = (start or Path.cwd()).resolve()
    for folder in (place, *place.parents):
        if (folder / "rtl").is_dir() and (folder / "npusim" / "datapath").is_dir():
            return folder / "rtl"
    for folder in (PACKAGE / "_rtl", PACKAGE.parent / "rtl"):
        if folder.is_dir():
            return folder
    raise CosimulationError(f"no RTL found: expected {PACKAGE / '_rtl'}")


def sources(module: str, directory: Path) -> tuple[Path, ...]:
    """Return the file of `module` and, recursively, of every npu_ module that it instantiates."""
    ordered: list[Path] = []
    wanted = [module]
    while wanted:
        path = directory / f"{wanted.pop()}.v"
        if path in ordered or not path.exists():
            continue  # a module that exists nowhere is the compiler's to report, by its name
        ordered.append(path)
        wanted += _INSTANCE.findall(path.read_text())
    if not ordered:
        raise CosimulationError(f"{module}: expected its RTL at {directory / f'{module}.v'}")
    return tuple(ordered)
