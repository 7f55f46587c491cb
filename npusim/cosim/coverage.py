"""Which points of a contract a set of vectors has reached.

Every contract has the extremes that each input port may have and, where a port has few values (a
mode, a term count), each of those: under its default parameters, and for a module whose ports are
fixed or narrower. The page adds its own points, for every parameter set: saturations, ties. An
empty bin fails the verification: vectors that never saturate say nothing about saturation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

from npusim.cosim.vectors import bounds_of, elements
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Bins, Parameters, Unit, Values

FEW_VALUES = 16
"""Ports with at most so many legal values have a bin for each."""


Predicate = Callable[[Values, Values], bool]
"""Whether a vector with these inputs and outputs reaches a point."""


def coverage(
    unit: Unit, parameters: Parameters, vectors: Sequence[tuple[Values, Values]], wiring: Wiring
) -> dict[str, int]:
    """Return bin -> number of vectors in it, over (inputs, outputs) pairs."""
    counts: dict[str, int] = {}
    for port, values in _ports(unit, parameters, wiring).items():
        lanes = (elements(inputs[port]) for inputs, _ in vectors)
        seen = Counter(chain.from_iterable(lanes))
        counts |= {f"{port} = {value}": seen[value] for value in values}
    for name, predicate in _own_points(unit, parameters, wiring).items():
        counts[name] = sum(bool(predicate(inputs, outputs)) for inputs, outputs in vectors)
    return counts


def reaching(unit: Unit, parameters: Parameters, wiring: Wiring, name: str) -> Predicate | None:
    """Return what tells whether a vector reaches the point called `name`; None: there is none."""
    for port, values in _ports(unit, parameters, wiring).items():
        for value in values:
            if name == f"{port} = {value}":
                return lambda inputs, _: value in elements(inputs[port])
    return _own_points(unit, parameters, wiring).get(name)


def _ports(unit: Unit, parameters: Parameters, wiring: Wiring) -> dict[str, Sequence[int]]:
    """Return the values that each input port must have had."""
    is_whole = not (wiring.fixed or wiring.widths)
    if is_whole and dict(parameters) != dict(unit.parameters):
        return {}  # a variant of the contract may leave out what a port's value asks for
    bounds = bounds_of(unit, parameters, wiring)
    ends = {p.name: bounds[p.name] for p in unit.inputs if p.name not in wiring.fixed}
    return {
        name: range(low, high + 1) if high - low < FEW_VALUES else (low, high)
        for name, (low, high) in ends.items()
    }


def _own_points(unit: Unit, parameters: Parameters, wiring: Wiring) -> Bins:
    bounds = bounds_of(unit, parameters, wiring)
    ruled_out = unit.ruled_out(parameters, bounds) if unit.ruled_out is not None else ()
    points = unit.coverage(parameters)
    return {name: points[name] for name in points if name not in ruled_out}
