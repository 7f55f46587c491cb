"""What a unit promises: its ports with width and sign, its parameters, and its latency.

A unit's page states these once; the RTL's header, the bench and the documents are checked against
them. The RTL module of a unit is npu_<name>, and every one follows one protocol:

* `clk_i`; `rst_i`, synchronous, active high, clears the valid bits and nothing else, also while
  `en_i` is 0; `en_i`, where 0 freezes the whole pipeline, the outputs included;
* an input that stands with `valid_i` = 1 in an enabled cycle without reset is at the outputs, with
  `valid_o` = 1, exactly `latency_cycles` enabled cycles later (0: in the same cycle);
* a data port carries the contract's name with the suffix `_i` or `_o`. A port of several lanes is
  one packed vector with lane 0 in the least significant bits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from npusim.errors import RangeError

Parameters = Mapping[str, int]
Value = int | tuple[int, ...]
"""What a port carries: an int, or a tuple of ints where the port has lanes."""
Values = Mapping[str, Value]
"""Port name -> value."""
Bounds = Mapping[str, tuple[int, int]]
"""Input's name, or output's name in Verilog -> least and greatest value of (one lane of) it."""
Bins = Mapping[str, Callable[[Any, Any], bool]]
"""Coverage point -> whether a vector with these inputs and outputs reaches it."""


@dataclass(frozen=True)
class Port:
    """One data port: widths, lanes and ranges may be functions of the unit's parameters."""

    name: str
    direction: Literal["in", "out"]
    width_bits: int | Callable[[Parameters], int]
    """Width of the port, or of one lane where the port has lanes."""
    signed: bool = False
    meaning: str = ""
    lanes: int | Callable[[Parameters], int] | None = None
    """Number of equal lanes packed into the port; None: the port is one plain integer."""
    legal: tuple[int, int] | Callable[[Parameters], tuple[int, int]] | None = None
    """Least and greatest legal value, where the unit is promised less than the width can hold."""

    @property
    def rtl_name(self) -> str:
        """Name of the port in Verilog."""
        return f"{self.name}_{'i' if self.direction == 'in' else 'o'}"

    def width(self, parameters: Parameters) -> int:
        """Return the width in bits (of one lane) under `parameters`."""
        return self.width_bits if isinstance(self.width_bits, int) else self.width_bits(parameters)

    def lane_count(self, parameters: Parameters) -> int:
        """Return the number of lanes under `parameters`; 1 for a plain port."""
        if self.lanes is None:
            return 1
        return self.lanes if isinstance(self.lanes, int) else self.lanes(parameters)

    def total_width(self, parameters: Parameters) -> int:
        """Return the width in bits of the whole packed port."""
        return self.width(parameters) * self.lane_count(parameters)

    def bounds(self, parameters: Parameters) -> tuple[int, int]:
        """Return the least and greatest value that (one lane of) the port can carry."""
        width = self.width(parameters)
        return (
            (-(1 << (width - 1)), (1 << (width - 1)) - 1) if self.signed else (0, (1 << width) - 1)
        )

    def legal_bounds(self, parameters: Parameters) -> tuple[int, int]:
        """Return the least and greatest legal value of (one lane of) the port."""
        if self.legal is None:
            return self.bounds(parameters)
        return self.legal if isinstance(self.legal, tuple) else self.legal(parameters)

    def require(self, value: int, parameters: Parameters) -> int:
        """Return `value`; raise RangeError naming the port where it does not fit."""
        low, high = self.bounds(parameters)
        if not low <= value <= high:
            raise RangeError(f"{self.name}: expected {low}..{high}, found {value}")
        return value

    def pack(self, value: Value, parameters: Parameters) -> int:
        """Return the port's bits as an unsigned int; raise RangeError where a lane does not fit."""
        lanes = (value,) if isinstance(value, int) else tuple(value)
        count, width = self.lane_count(parameters), self.width(parameters)
        if len(lanes) != count:
            raise RangeError(f"{self.name}: expected {count} lanes, found {len(lanes)}")
        for extreme in {min(lanes), max(lanes)}:
            self.require(extreme, parameters)
        bits, mask = 0, (1 << width) - 1
        for element in reversed(lanes):
            bits = bits << width | (int(element) & mask)
        return bits

    def unpack(self, bits: int, parameters: Parameters) -> Value:
        """Return the value that the unsigned int `bits` carries."""
        width = self.width(parameters)
        sign = 1 << (width - 1) if self.signed else 0
        lanes = tuple(
            (((bits >> (lane * width)) & ((1 << width) - 1)) ^ sign) - sign
            for lane in range(self.lane_count(parameters))
        )
        return lanes[0] if self.lanes is None else lanes


@dataclass(frozen=True)
class Unit:
    """The contract of one datapath unit; the RTL module is npu_<name>."""

    name: str
    ports: tuple[Port, ...]
    latency_cycles: int | Callable[[Parameters], int]
    """Enabled cycles from an accepted input to its output; may depend on the parameters."""
    scalar: Callable[..., Any]
    """Takes the input ports by name, and those parameters that it names (in lower case); returns
    the outputs in port order (a bare value where there is one output)."""
    parameters: Parameters = field(default_factory=dict)
    """Default of each RTL parameter."""
    variants: tuple[Parameters, ...] = ()
    """Further parameter sets to verify; each states only what differs from the defaults."""
    ties: Mapping[str, int] = field(default_factory=dict)
    """Inputs of our module that the contract does not know, and what holds them where it counts."""
    vectors: Callable[..., Iterable[Values]] | None = None
    """`vectors(rng, count)` yields `count` legal inputs by port name, range-aware: results near the
    clamp bounds, exact ties, extremes. Parameters may be taken by (lower case) name as well, and
    `bounds`: where a module has narrower or fixed ports, what is made for them reaches more than
    what is made for the whole contract and mended afterwards."""
    directed: Callable[..., Iterable[Values]] | None = None
    """`directed()` yields inputs that every verification drives before the random ones; called like
    `vectors`."""
    promised: Callable[..., bool] | None = None
    """Whether inputs that are legal one by one are legal together; called like `scalar`. None: they
    are."""
    bins: Bins | Callable[[Parameters], Bins] = field(default_factory=dict)
    """Coverage points beside the ports' extremes: name -> predicate(inputs, outputs), or a function
    of the parameters that returns them. An empty bin fails the verification."""
    ruled_out: Callable[[Parameters, Bounds], Collection[str]] | None = None
    """The coverage points that narrower or fixed ports cannot reach. None: all can be."""
    exact: Callable[..., Fraction] | None = None
    """The unrounded, unclamped result, for the message of a mismatch; called like `scalar`."""

    @property
    def module(self) -> str:
        """Name of the Verilog module."""
        return f"npu_{self.name}"

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The input ports, in order."""
        return tuple(port for port in self.ports if port.direction == "in")

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The output ports, in order."""
        return tuple(port for port in self.ports if port.direction == "out")

    def latency(self, parameters: Parameters) -> int:
        """Return the latency in enabled cycles under `parameters`."""
        cycles = self.latency_cycles
        return cycles if isinstance(cycles, int) else cycles(parameters)

    def coverage(self, parameters: Parameters) -> Bins:
        """Return the coverage points that exist under `parameters`."""
        return self.bins(parameters) if callable(self.bins) else self.bins
