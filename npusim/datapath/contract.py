"""What a unit promises: its ports with width and sign, its parameters, and its latency.

A unit's page states these once; the RTL's header, the bench and the documents are checked against
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from npusim.errors import RangeError


@dataclass(frozen=True)
class Port:
    """One data port: `width_bits` may be a function of the unit's parameters."""

    name: str
    direction: Literal["in", "out"]
    width_bits: int | Callable[[Mapping[str, int]], int]
    signed: bool = False
    meaning: str = ""

    def width(self, parameters: Mapping[str, int]) -> int:
        """Return the width in bits under `parameters`."""
        return self.width_bits if isinstance(self.width_bits, int) else self.width_bits(parameters)

    def bounds(self, parameters: Mapping[str, int]) -> tuple[int, int]:
        """Return the least and greatest value that the port can carry."""
        width = self.width(parameters)
        return (-(1 << (width - 1)), (1 << (width - 1)) - 1) if self.signed else (0, (1 << width) - 1)

    def require(self, value: int, parameters: Mapping[str, int]) -> int:
        """Return `value`; raise RangeError naming the port where it does not fit."""
        low, high = self.bounds(parameters)
        if not low <= value <= high:
            raise RangeError(f"{self.name}: expected {low}..{high}, found {value}")
        return value


@dataclass(frozen=True)
class Unit:
    """The contract of one datapath unit; the RTL module is npu_<name>."""

    name: str
    ports: tuple[Port, ...]
    latency_cycles: int
    scalar: Callable[..., object]
    """Takes the input ports by name (and the parameters), returns the outputs in port order."""
    parameters: Mapping[str, int] = field(default_factory=dict)
    """Default of each RTL parameter."""

    @property
    def module(self) -> str:
        """Name of the Verilog module."""
        return f"npu_{self.name}"
