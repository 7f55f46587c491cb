"""What a unit promises: its ports with width and sign, its parameters, latency and stimulus.

A unit's page states these once; the RTL's header, the bench and the documents are checked against
them. Every RTL module has, beside the ports named here (suffix _i or _o), clk_i, rst_i
(synchronous, active high), en_i (0 freezes the whole pipeline), valid_i and valid_o.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from npusim.errors import RangeError

Parameters = Mapping[str, int]
Value = int | tuple[int, ...]
"""What one port carries: an int, or a tuple of ints on a port with lanes."""
Vector = Mapping[str, Value]
"""One set of values, keyed by port name."""


def _resolve(quantity: int | Callable[[Parameters], int], parameters: Parameters) -> int:
    return quantity if isinstance(quantity, int) else quantity(parameters)


@dataclass(frozen=True)
class Port:
    """One data port: `width_bits`, `lanes` and `limits` may be functions of the unit's parameters.

    A port with `lanes` carries that many values of `width_bits` each, lane 0 in the least
    significant bits. `limits` narrows what may travel below what the width can hold.
    """

    name: str
    direction: Literal["in", "out"]
    width_bits: int | Callable[[Parameters], int]
    signed: bool = False
    meaning: str = ""
    lanes: int | Callable[[Parameters], int] | None = None
    limits: tuple[int, int] | Callable[[Parameters], tuple[int, int]] | None = None

    @property
    def rtl_name(self) -> str:
        """Name of the port in the Verilog module."""
        return f"{self.name}_{'i' if self.direction == 'in' else 'o'}"

    def width(self, parameters: Parameters) -> int:
        """Return the width in bits of one lane under `parameters`."""
        return _resolve(self.width_bits, parameters)

    def lane_count(self, parameters: Parameters) -> int:
        """Return how many values travel side by side; 1 for a plain port."""
        return 1 if self.lanes is None else _resolve(self.lanes, parameters)

    def total_bits(self, parameters: Parameters) -> int:
        """Return the width in bits of the whole Verilog port."""
        return self.width(parameters) * self.lane_count(parameters)

    def bounds(self, parameters: Parameters) -> tuple[int, int]:
        """Return the least and greatest value that a lane may carry."""
        if self.limits is not None:
            return self.limits if isinstance(self.limits, tuple) else self.limits(parameters)
        width = self.width(parameters)
        return (
            (-(1 << (width - 1)), (1 << (width - 1)) - 1) if self.signed else (0, (1 << width) - 1)
        )

    def require(self, value: Value, parameters: Parameters) -> Value:
        """Return `value`; raise RangeError naming the port where it does not fit."""
        lanes = self._as_lanes(value, parameters)
        low, high = self.bounds(parameters)
        for lane in lanes:
            if not low <= lane <= high:
                raise RangeError(f"{self.name}: expected {low}..{high}, found {lane}")
        return value

    def pack(self, value: Value, parameters: Parameters) -> int:
        """Return `value` as the unsigned number on the wires (two's complement where signed)."""
        width, word = self.width(parameters), 0
        for i, lane in enumerate(self._as_lanes(value, parameters)):
            word |= (lane & ((1 << width) - 1)) << (i * width)
        return word

    def unpack(self, word: int, parameters: Parameters) -> Value:
        """Return the value that the unsigned number `word` on the wires stands for."""
        width = self.width(parameters)
        values = []
        for i in range(self.lane_count(parameters)):
            lane = (word >> (i * width)) & ((1 << width) - 1)
            values.append(lane - (1 << width) if self.signed and lane >> (width - 1) else lane)
        return values[0] if self.lanes is None else tuple(values)

    def _as_lanes(self, value: Value, parameters: Parameters) -> tuple[int, ...]:
        lanes = (value,) if isinstance(value, int) else value
        expected = self.lane_count(parameters)
        if len(lanes) != expected or (self.lanes is None) != isinstance(value, int):
            raise RangeError(f"{self.name}: expected {expected} values, found {value}")
        return lanes


@dataclass(frozen=True)
class Bin:
    """One point that a verification run must reach, or it has not tested the unit."""

    name: str
    hit: Callable[[Vector, Vector, Parameters], bool]
    """True where the vector with these inputs and outputs reaches the point."""
    applies: Callable[[Parameters], bool] = lambda parameters: True
    """Whether the point exists under these parameters."""


@dataclass(frozen=True)
class Unit:
    """The contract of one datapath unit; the RTL module is npu_<name>."""

    name: str
    ports: tuple[Port, ...]
    latency_cycles: int | Callable[[Parameters], int]
    """Enabled cycles from an accepted input to its output."""
    scalar: Callable[..., object]
    """Takes every input port and every parameter (in lower case) by name; returns the outputs in
    port order: one value for one output, a tuple of values for several."""
    parameters: Parameters = field(default_factory=dict)
    """Default of each RTL parameter."""
    variants: tuple[Parameters, ...] = ({},)
    """Parameter choices that a full verification covers, each laid over the defaults."""
    vectors: Callable[[random.Random, int, Parameters], Iterable[Vector]] | None = None
    """Range-aware random stimulus: `count` sets of inputs."""
    directed: Callable[[Parameters], Iterable[Vector]] | None = None
    """Written lists and exhaustive spaces that every run drives before the random stimulus."""
    coverage: tuple[Bin, ...] = ()
    """Points that directed and random stimulus together must reach."""

    @property
    def module(self) -> str:
        """Name of the Verilog module."""
        return f"npu_{self.name}"

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The input data ports, in order."""
        return tuple(port for port in self.ports if port.direction == "in")

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The output data ports, in order."""
        return tuple(port for port in self.ports if port.direction == "out")

    def with_defaults(self, parameters: Parameters) -> dict[str, int]:
        """Return all parameters: the defaults, overridden by `parameters`."""
        unknown = sorted(set(parameters) - set(self.parameters))
        if unknown:
            known = ", ".join(self.parameters) or "none"
            raise RangeError(f"{self.module}: unknown parameter {unknown[0]}, expected {known}")
        return {**self.parameters, **parameters}

    def latency(self, parameters: Parameters) -> int:
        """Return the latency in enabled cycles under `parameters`."""
        return _resolve(self.latency_cycles, parameters)

    def evaluate(self, inputs: Vector, parameters: Parameters) -> dict[str, Value]:
        """Return the outputs that the scalar gives for `inputs`, keyed by port name."""
        arguments = {name.lower(): value for name, value in parameters.items()}
        result = self.scalar(**inputs, **arguments)
        values = (result,) if len(self.outputs) == 1 else result
        return {port.name: value for port, value in zip(self.outputs, values, strict=True)}
