"""Inputs for a contract: exhaustive where they fit, else directed, corners, and range-aware random.

Uniform random inputs leave most faults of an arithmetic unit undiscovered: nearly every result
saturates or no tie occurs. A page therefore brings its own generator; where it has none, values are
drawn near the ports' bounds, near powers of two, and with a uniform number of bits.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from random import Random
from typing import Any

from npusim.cosim.errors import CosimulationError
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Parameters, Port, Unit, Value, Values


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


def space(unit: Unit, parameters: Parameters) -> int:
    """Return how many legal inputs the unit has, taking each port on its own."""
    sizes = []
    for port in unit.inputs:
        low, high = port.legal_bounds(parameters)
        sizes.append((high - low + 1) ** port.lane_count(parameters))
    return math.prod(sizes)


def inputs_of(
    unit: Unit, parameters: Parameters, count: int, rng: Random, wiring: Wiring
) -> list[dict[str, Value]]:
    """Return the inputs to drive: the directed ones, then `count` random ones or all there are.

    Parameters
    ----------
    wiring
        Its `fixed` inputs get their one value; vectors that do not fit its `widths` are left out.

    Raises
    ------
    CosimulationError
        A directed or generated input lacks a port, or lies outside the port's legal range.
    """
    inputs: list[dict[str, Value]] = []
    if unit.directed is not None:
        inputs += map(dict, call(unit.directed, parameters, {}))
    if unit.vectors is not None:
        inputs += map(dict, call(unit.vectors, parameters, {"rng": rng, "count": count}))
    elif space(unit, parameters) <= count:
        inputs += _exhaustive(unit, parameters)
    else:
        inputs += _corners(unit, parameters, rng)
        inputs += (_random_input(unit, parameters, rng) for _ in range(count))
    for values in inputs:
        for name, value in wiring.fixed.items():
            values[name] = value
    if wiring.widths:
        narrow = wiring.narrow(unit)
        inputs = [values for values in inputs if _fits(narrow, parameters, values)]
    _require_legal(unit, parameters, inputs, wiring.fixed)
    return inputs


def _fits(unit: Unit, parameters: Parameters, values: Values) -> bool:
    bounds = {port.name: port.legal_bounds(parameters) for port in unit.inputs}
    results = {port.name: port.bounds(parameters) for port in unit.outputs}
    for name, (low, high) in bounds.items():
        if not all(low <= element <= high for element in elements(values[name])):
            return False
    outputs = outputs_of(unit, parameters, values)
    return all(
        low <= element <= high
        for name, (low, high) in results.items()
        for element in elements(outputs[name])
    )


def elements(value: Value) -> tuple[int, ...]:
    """Return the lanes of a port's value, one for a plain port."""
    return (value,) if isinstance(value, int) else value


def _require_legal(
    unit: Unit, parameters: Parameters, inputs: list[dict[str, Value]], fixed: Mapping[str, int]
) -> None:
    bounds = [
        (port.name, *port.legal_bounds(parameters))
        for port in unit.inputs
        if port.name not in fixed
    ]
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


def _exhaustive(unit: Unit, parameters: Parameters) -> Iterator[dict[str, Value]]:
    choices: list[Any] = []
    for port in unit.inputs:
        low, high = port.legal_bounds(parameters)
        single = range(low, high + 1)
        lanes = port.lane_count(parameters)
        plain = port.lanes is None
        choices.append(single if plain else tuple(itertools.product(single, repeat=lanes)))
    names = [port.name for port in unit.inputs]
    for values in itertools.product(*choices):
        yield dict(zip(names, values, strict=True))


def _corners(unit: Unit, parameters: Parameters, rng: Random) -> Iterator[dict[str, Value]]:
    """All ports at one end, then each port at each end with the others random."""
    for end in (0, 1):
        yield {port.name: _constant(port, parameters, end) for port in unit.inputs}
    for port in unit.inputs:
        for end in (0, 1):
            values = _random_input(unit, parameters, rng)
            values[port.name] = _constant(port, parameters, end)
            yield values


def _constant(port: Port, parameters: Parameters, end: int) -> Value:
    value = port.legal_bounds(parameters)[end]
    return value if port.lanes is None else (value,) * port.lane_count(parameters)


def _random_input(unit: Unit, parameters: Parameters, rng: Random) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for port in unit.inputs:
        low, high = port.legal_bounds(parameters)
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
