"""Elaborate a design and read the top module's ports and parameters; no simulation is needed.

Icarus writes them into the file that it compiles to, Verilator into a tree in JSON: the tool that
will simulate a design also says what its interface is, so that SystemVerilog which one of the two
cannot read (packages, typedefs) is judged by the other.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from npusim.cosim import toolchain, verilator_tree
from npusim.cosim.design import Design
from npusim.cosim.errors import CosimulationError
from npusim.cosim.interface import Interface, ModulePort

_PORT = re.compile(r'\.port_info \d+ /(INPUT|OUTPUT|INOUT) (\d+) "([^"]+)"')
_PARAMETER = re.compile(r'\.param/l "([^"]+)" (\d) [^,]*, \+C4<([01]+)>')


def elaborate(design: Design, simulator: str = "icarus") -> Interface:
    """Return the interface of `design.top` under its parameters.

    Raises
    ------
    CosimulationError
        The simulator is missing, or the module does not elaborate (a bad parameter, a syntax
        error): the compiler's own first error is the message.
    """
    toolchain.require(simulator)
    design.require_sources()
    with tempfile.TemporaryDirectory(prefix="npusim-") as temporary:
        return (_verilator if simulator == "verilator" else _icarus)(design, Path(temporary))


def _icarus(design: Design, place: Path) -> Interface:
    output = place / "interface.vvp"
    command = ["iverilog", "-g2012", "-s", design.top, "-o", str(output)]
    command += [f"-P{design.top}.{name}={value}" for name, value in design.parameters.items()]
    command += [f"-D{name}={value}" for name, value in design.defines.items()]
    command += [f"-I{folder}" for folder in design.includes]
    _run(design, command)
    return _parse(design.top, output.read_text())


def _verilator(design: Design, place: Path) -> Interface:
    command = ["verilator", "--json-only", "--timing", "-Wno-fatal", "-Wno-lint", "-Wno-style"]
    command += ["--top-module", design.top, "--Mdir", str(place)]
    command += [f"-G{name}={value}" for name, value in design.parameters.items()]
    command += [f"-D{name}={value}" for name, value in design.defines.items()]
    command += [f"-I{folder}" for folder in design.includes]
    with toolchain.environment("verilator"):
        _run(design, command)
    return verilator_tree.interface(design.top, place / f"V{design.top}.tree.json")


def _run(design: Design, command: list[str]) -> None:
    done = subprocess.run(
        [*command, *map(str, design.sources)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CosimulationError(f"{design.top}: {_first_line(done.stderr)}")


def _first_line(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    for line in lines:
        if "error" in line.lower() or "Unable to find" in line:
            return line
    return lines[0] if lines else "it does not elaborate, without a message"


def _parse(module: str, text: str) -> Interface:
    start = re.search(rf'\.scope module, "{re.escape(module)}" "{re.escape(module)}"', text)
    if start is None:
        raise CosimulationError(f"{module}: Icarus elaborated no such module")
    scope = text[start.end() :].split(".scope ", maxsplit=1)[0]
    ports = tuple(
        ModulePort(name, {"INPUT": "in", "OUTPUT": "out", "INOUT": "inout"}[kind], int(width))
        for kind, width, name in _PORT.findall(scope)
    )
    parameters = {
        name: _signed(bits) for name, local, bits in _PARAMETER.findall(scope) if local == "0"
    }
    return Interface(module, ports, parameters)


def _signed(bits: str) -> int:
    value = int(bits, 2)
    return value - (1 << len(bits)) if len(bits) == 32 and bits[0] == "1" else value
