"""How a module's ports map to a contract: names, reset level, what is tied off or not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from npusim.cosim.errors import CosimulationError
from npusim.datapath.contract import Parameters, Port, Unit


def _narrowed_legal(port: Port, narrow: Port, parameters: Parameters) -> tuple[int, int]:
    low, high = port.legal_bounds(parameters)
    least, most = narrow.bounds(parameters)
    return max(low, least), min(high, most)


def _narrowed(port: Port, width: int, signed: bool) -> Port:
    narrow = replace(port, width_bits=width, signed=signed)
    return replace(narrow, legal=partial(_narrowed_legal, port, narrow))


@dataclass(frozen=True)
class Wiring:
    """Names of a module's ports; the defaults are those of npusim's own units.

    A name of None says that the module has no such port: without `enable` no stalls are driven,
    without `reset` no resets, without `valid_in` every cycle holds an input, and without
    `valid_out` the output is looked for by its latency alone. Without `clock` the module is
    combinational.
    """

    clock: str | None = "clk_i"
    reset: str | None = "rst_i"
    reset_level: int = 1
    """Level at which the reset is active."""
    reset_asynchronous: bool = False
    enable: str | None = "en_i"
    valid_in: str | None = "valid_i"
    valid_out: str | None = "valid_o"
    ports: Mapping[str, str] = field(default_factory=dict)
    """Contract port -> module port, where they differ. A name that is both input and output of the
    contract is written with its suffix (`acc_i`, `acc_o`)."""
    ties: Mapping[str, int] = field(default_factory=dict)
    """Module input -> constant, for inputs that the contract does not know."""
    widths: Mapping[str, int] = field(default_factory=dict)
    """Contract port -> width of the module's port, where it is narrower (an int8 output, a 24-bit
    accumulator). Vectors are made that fit."""
    unsigned: Collection[str] = ()
    """Those of `widths` that carry no sign although the contract's port does: a uint8 output."""
    fixed: Mapping[str, int] = field(default_factory=dict)
    """Contract input -> the only value that the module implements; it has no such port."""

    def name(self, port: Port) -> str:
        """Return the module's name for the contract's `port`."""
        return self.ports.get(port.rtl_name) or self.ports.get(port.name) or port.rtl_name

    def control(self) -> dict[str, str]:
        """Return role -> module port of the control ports that the module has."""
        roles = {
            "clock": self.clock,
            "reset": self.reset,
            "enable": self.enable,
            "valid_in": self.valid_in,
            "valid_out": self.valid_out,
        }
        return {role: name for role, name in roles.items() if name is not None}

    def narrow(self, unit: Unit) -> Unit:
        """Return `unit` with the widths of this wiring in place of its own."""
        ports = tuple(
            _narrowed(port, width, port.signed and not self._is_unsigned(port))
            if (width := self._width(port)) is not None
            else port
            for port in unit.ports
        )
        return replace(unit, ports=ports)

    def _width(self, port: Port) -> int | None:
        width = self.widths.get(port.rtl_name)
        return self.widths.get(port.name) if width is None else width

    def _is_unsigned(self, port: Port) -> bool:
        return port.name in self.unsigned or port.rtl_name in self.unsigned

    def require(self, unit: Unit, parameters: Parameters) -> None:
        """Raise CosimulationError where this wiring names a port that `unit` does not have."""
        known = {name for port in unit.ports for name in (port.name, port.rtl_name)}
        for name in (*self.ports, *self.widths):
            if name not in known:
                raise CosimulationError(
                    f"wiring: {unit.name} has no port {name}, expected one of "
                    f"{', '.join(port.rtl_name for port in unit.ports)}"
                )
        for name in self.unsigned:
            if name not in self.widths:
                raise CosimulationError(
                    f"wiring: unsigned {name}: expected one of widths, "
                    f"{', '.join(self.widths) or 'which is empty'}"
                )
        inputs = {port.name for port in unit.inputs}
        for name in self.fixed:
            if name not in inputs:
                raise CosimulationError(
                    f"wiring: fixed {name} is not an input of {unit.name}, expected one of "
                    f"{', '.join(sorted(inputs))}"
                )
        latency = unit.latency(parameters)
        if self.clock is None and latency != 0:
            raise CosimulationError(
                f"wiring: a module without a clock has latency 0, found {latency} in the contract"
            )
