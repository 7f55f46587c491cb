"""What a module's ports and parameters really are, after elaboration, and whether they fit.

Icarus writes the elaborated top module's ports and parameters into the file that it compiles to;
reading them there takes 0.1 s and needs no simulation.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from npusim.cosim import toolchain
from npusim.cosim.design import Design
from npusim.cosim.errors import CosimulationError, Mismatch
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Parameters, Unit

_PORT = re.compile(r'\.port_info \d+ /(INPUT|OUTPUT|INOUT) (\d+) "([^"]+)"')
_PARAMETER = re.compile(r'\.param/l "([^"]+)" (\d) [^,]*, \+C4<([01]+)>')


@dataclass(frozen=True)
class ModulePort:
    """A port of an elaborated module."""

    name: str
    direction: str
    """`in`, `out` or `inout`."""
    width_bits: int


@dataclass(frozen=True)
class Interface:
    """Ports and parameters of an elaborated module."""

    module: str
    ports: tuple[ModulePort, ...]
    parameters: Parameters

    def port(self, name: str) -> ModulePort | None:
        """Return the port called `name`, or None."""
        return next((port for port in self.ports if port.name == name), None)


def elaborate(design: Design) -> Interface:
    """Return the interface of `design.top` under its parameters.

    Raises
    ------
    CosimulationError
        Icarus is missing, or the module does not elaborate (a bad parameter, a syntax error): the
        compiler's own first error is the message.
    """
    toolchain.require("icarus")
    design.require_sources()
    with tempfile.TemporaryDirectory(prefix="npusim-") as temporary:
        output = Path(temporary, "interface.vvp")
        command = ["iverilog", "-g2012", "-s", design.top, "-o", str(output)]
        command += [f"-P{design.top}.{name}={value}" for name, value in design.parameters.items()]
        command += [f"-D{name}={value}" for name, value in design.defines.items()]
        command += [f"-I{folder}" for folder in design.includes]
        done = subprocess.run(
            [*command, *map(str, design.sources)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CosimulationError(f"{design.top}: {_first_line(done.stderr)}")
        return _parse(design.top, output.read_text())


def _first_line(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    for line in lines:
        if "error" in line.lower() or "Unable to find" in line:
            return line
    return lines[0] if lines else "Icarus failed without a message"


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


def require_interface(
    interface: Interface, unit: Unit, wiring: Wiring, parameters: Parameters
) -> None:
    """Raise Mismatch naming every port of `interface` that does not fit the contract."""
    faults: list[str] = []
    used = set(wiring.ties)
    expected = [
        (name, "out" if role == "valid_out" else "in", 1, role)
        for role, name in wiring.control().items()
    ]
    expected += [
        (wiring.name(port), port.direction, port.total_width(parameters), f"port {port.name}")
        for port in unit.ports
        if port.name not in wiring.fixed or port.direction == "out"
    ]
    for name, direction, width, role in expected:
        used.add(name)
        found = interface.port(name)
        if found is None:
            faults.append(f"{role}: expected {direction}put {name} of {width} bits, found none")
        elif found.direction != direction:
            faults.append(
                f"{role}: expected {name} to be an {direction}put, found {found.direction}put"
            )
        elif found.width_bits != width:
            faults.append(f"{role}: expected {name} to have {width} bits, found {found.width_bits}")
    for name, value in wiring.ties.items():
        found = interface.port(name)
        if found is None or found.direction != "in":
            faults.append(f"ties: the module has no input {name}")
        elif not 0 <= value < 1 << found.width_bits:
            faults.append(f"ties: {value} does not fit the {found.width_bits} bits of {name}")
    faults += [
        f"input {port.name} is driven by nothing: map it in Wiring.ports or tie it in Wiring.ties"
        for port in interface.ports
        if port.direction == "in" and port.name not in used
    ]
    if faults:
        ports = ", ".join(f"{port.name}[{port.width_bits}]" for port in interface.ports)
        raise Mismatch(
            f"{interface.module}: its ports do not fit the contract of {unit.name}\n  "
            + "\n  ".join(faults)
            + f"\n  ports found: {ports or 'none'}"
        )


def require_parameters(interface: Interface, parameters: Parameters) -> None:
    """Raise Mismatch where a parameter did not arrive in the elaborated module."""
    for name, value in parameters.items():
        found = interface.parameters.get(name)
        if found != value:
            raise Mismatch(
                f"{interface.module}: parameter {name}: expected {value}, found "
                f"{'no such parameter' if found is None else found}"
            )
