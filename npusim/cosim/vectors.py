"""Inputs for a contract: exhaustive where they fit, else directed, corners, and range-aware random.

Uniform random inputs leave most faults of an arithmetic unit undiscovered: nearly every result
saturates or no tie occurs. A page therefore brings its own generator; where it has none, values are
drawn near the ports' bounds, near powers of two, and with a uniform number of bits.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

from npusim.cosim.errors import CosimulationError
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Bounds, Parameters, Port, Unit, Value, Values

TRIES_MOST = 50
"""For each vector that is made for fixed values and widths."""


@cache
def _names(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """Return the argument names of `function`, or None where it takes any keyword."""
    arguments = inspect.signature(function).parameters.values()
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments):
        return None
    return tuple(argument.name for argument in arguments)


def call(function: Callable[..., Any], parameters: Parameters, available: Mapping[str, Any]) -> Any:
    """Call `function` with what it names among `available` and the lower-case parameters."""
    names = _names(function)
    if names is None:
        return function(**available)
    arguments = {}
    for name in names:
        if name in available:
            arguments[name] = available[name]
        elif name in parameters:
            arguments[name] = parameters[name]
        elif name.upper() in parameters:
            arguments[name] = parameters[name.upper()]
    return function(**arguments)


def outputs_of(unit: Unit, parameters: Parameters, inputs: Values) -> dict[str, Value]:
    """Return the golden outputs, by port name, for `inputs`."""
    result = call(unit.scalar, parameters, inputs)
    ports = unit.outputs
    values = (result,) if len(ports) == 1 else tuple(result)
    if len(values) != len(ports):
        raise CosimulationError(
            f"{unit.name}: expected the scalar to return {len(ports)} outputs, found {len(values)}"
        )
    return {port.name: _plain(value) for port, value in zip(ports, values, strict=True)}


def _plain(value: Any) -> Value:
    return tuple(map(int, value)) if isinstance(value, (tuple, list)) else int(value)


def space(unit: Unit, parameters: Parameters, bounds: Bounds) -> int:
    """Return how many inputs there are within `bounds`, taking each port on its own."""
    sizes = []
    for port in unit.inputs:
        low, high = bounds[port.name]
        sizes.append((high - low + 1) ** port.lane_count(parameters))
    return math.prod(sizes)


def inputs_of(
    unit: Unit, parameters: Parameters, count: int, rng: Random, wiring: Wiring
) -> list[dict[str, Value]]:
    """Return the inputs to drive: the directed ones, then `count` random ones or all there are.

    Parameters
    ----------
    wiring
        Inputs are made for its `fixed` values and its `widths`.

    Raises
    ------
    CosimulationError
        A directed or generated input lacks a port, or lies outside the port's legal range; or so
        many inputs cannot be made for the fixed values and widths.
    """
    bounds = bounds_of(unit, parameters, wiring)
    is_whole = not (wiring.fixed or wiring.widths)
    known = {"rng": rng, "bounds": bounds}
    inputs: list[dict[str, Value]] = []
    if unit.directed is not None:
        inputs += map(dict, call(unit.directed, parameters, known))
    if not is_whole:
        inputs = [{**values, **wiring.fixed} for values in inputs]
        inputs = [values for values in inputs if _is_fitting(unit, parameters, values, bounds)]
    if unit.vectors is None and space(unit, parameters, bounds) <= count:
        inputs += _exhaustive(unit, parameters, bounds)
    elif not is_whole:
        inputs += _made(unit, parameters, count, rng, bounds)
    else:
        inputs += _drawn(unit, parameters, count, rng, bounds)
    _require_legal(unit, parameters, inputs)
    return inputs


def bounds_of(unit: Unit, parameters: Parameters, wiring: Wiring) -> Bounds:
    """Return what every port may carry: what is legal, fits the module's port, and is fixed.

    Inputs stand under their names, outputs under theirs in Verilog: one may have an input's name.
    """
    narrow = wiring.narrow(unit)
    bounds = {port.rtl_name: port.bounds(parameters) for port in narrow.outputs}
    bounds |= {port.name: port.legal_bounds(parameters) for port in narrow.inputs}
    return bounds | {name: (value, value) for name, value in wiring.fixed.items()}


def _drawn(
    unit: Unit, parameters: Parameters, count: int, rng: Random, bounds: Bounds
) -> Iterator[dict[str, Value]]:
    """Yield what the contract's generator makes; where it has none, corners and random values."""
    if unit.vectors is not None:
        known = {"rng": rng, "count": count, "bounds": bounds}
        yield from map(dict, call(unit.vectors, parameters, known))
        return
    yield from _corners(unit, parameters, rng, bounds)
    for _ in range(count):
        yield _random_input(unit, parameters, rng, bounds)


def _made(
    unit: Unit, parameters: Parameters, count: int, rng: Random, bounds: Bounds
) -> list[dict[str, Value]]:
    """Return `count` inputs within `bounds`: drawn, mended where they leave them, and refilled."""
    found: list[dict[str, Value]] = []
    tried = 0
    while len(found) < count and tried < TRIES_MOST * count:
        for values in _drawn(unit, parameters, count, rng, bounds):
            tried += 1
            for port in unit.inputs:
                values[port.name] = _mended(values[port.name], *bounds[port.name], rng)
            if _is_fitting(unit, parameters, values, bounds):
                found.append(values)
    if len(found) < count:
        raise CosimulationError(
            f"{unit.name}: only {len(found)} of {count} vectors could be made for the fixed values "
            f"and widths, of {tried} that were drawn: the others leave a port"
        )
    return found[:count]


def _mended(value: Value, low: int, high: int, rng: Random) -> Value:
    """Return `value` with every lane outside low..high drawn anew inside."""
    if isinstance(value, int):
        return value if low <= value <= high else corner_biased(rng, low, high)
    return tuple(v if low <= v <= high else corner_biased(rng, low, high) for v in value)


def _is_fitting(unit: Unit, parameters: Parameters, values: Values, bounds: Bounds) -> bool:
    """Return whether inputs, and the outputs that they give, are within `bounds`, and promised."""

    def within(ports: Sequence[Port], found: Values) -> bool:
        names = ((port.name if port.direction == "in" else port.rtl_name) for port in ports)
        ends = (
            (bounds[name], elements(found[port.name]))
            for name, port in zip(names, ports, strict=True)
        )
        return all(low <= min(lanes) and max(lanes) <= high for (low, high), lanes in ends)

    if not within(unit.inputs, values):
        return False
    if unit.promised is not None and not call(unit.promised, parameters, values):
        return False
    return within(unit.outputs, outputs_of(unit, parameters, values))


def elements(value: Value) -> tuple[int, ...]:
    """Return the lanes of a port's value, one for a plain port."""
    return (value,) if isinstance(value, int) else value


def _require_legal(unit: Unit, parameters: Parameters, inputs: list[dict[str, Value]]) -> None:
    bounds = [(port.name, *port.legal_bounds(parameters)) for port in unit.inputs]
    for index, values in enumerate(inputs):
        for name, low, high in bounds:
            if name not in values:
                raise CosimulationError(f"{unit.name}: vector {index} has no value for {name}")
            lanes = elements(values[name])
            for element in (min(lanes), max(lanes)):
                if not low <= element <= high:
                    raise CosimulationError(
                        f"{unit.name}: vector {index}: {name}: expected {low}..{high}, "
                        f"found {element}"
                    )


def _exhaustive(unit: Unit, parameters: Parameters, bounds: Bounds) -> Iterator[dict[str, Value]]:
    choices: list[Any] = []
    for port in unit.inputs:
        low, high = bounds[port.name]
        single = range(low, high + 1)
        lanes = port.lane_count(parameters)
        plain = port.lanes is None
        choices.append(single if plain else tuple(itertools.product(single, repeat=lanes)))
    names = [port.name for port in unit.inputs]
    for values in itertools.product(*choices):
        made = dict(zip(names, values, strict=True))
        if unit.promised is None or call(unit.promised, parameters, made):
            yield made


def _corners(
    unit: Unit, parameters: Parameters, rng: Random, bounds: Bounds
) -> Iterator[dict[str, Value]]:
    """All ports at one end, then each port at each end with the others random."""
    for end in (0, 1):
        yield {port.name: _constant(port, parameters, bounds, end) for port in unit.inputs}
    for port in unit.inputs:
        for end in (0, 1):
            values = _random_input(unit, parameters, rng, bounds)
            values[port.name] = _constant(port, parameters, bounds, end)
            yield values


def _constant(port: Port, parameters: Parameters, bounds: Bounds, end: int) -> Value:
    value = bounds[port.name][end]
    return value if port.lanes is None else (value,) * port.lane_count(parameters)


def _random_input(
    unit: Unit, parameters: Parameters, rng: Random, bounds: Bounds
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for port in unit.inputs:
        low, high = bounds[port.name]
        if port.lanes is None:
            values[port.name] = corner_biased(rng, low, high)
        else:
            values[port.name] = tuple(
                corner_biased(rng, low, high) for _ in range(port.lane_count(parameters))
            )
    return values


def corner_biased(rng: Random, low: int, high: int) -> int:
    """Return a number in low..high, more often at a corner than a uniform draw would.

    A quarter stands at or beside an end or zero, a quarter beside a power of two, a quarter has a
    uniform number of bits, a quarter is uniform.
    """
    kind = rng.randrange(4)
    if kind == 0:
        value = rng.choice((low, low + 1, -1, 0, 1, high - 1, high))
    elif kind < 3:
        value = 1 << rng.randrange(max(abs(low), abs(high)).bit_length() + 1)
        value = value + rng.randrange(-1, 2) if kind == 1 else rng.randrange(value)
        value = -value if low < 0 and rng.random() < 0.5 else value
    else:
        return rng.randint(low, high)
    return value if low <= value <= high else rng.randint(low, high)
