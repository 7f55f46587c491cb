"""A module's ports and parameters as they really are, and whether they fit a contract."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.cosim.errors import Mismatch
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Parameters, Unit


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
