"""Which points of a contract a set of vectors has reached.

Under its default parameters every contract has the legal extremes of each input port and, where a
port has few legal values (a mode, a term count), each of those. The page adds its own points, for
every parameter set: saturations, ties. An empty bin fails the verification: vectors that never
saturate say nothing about saturation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from npusim.cosim.vectors import elements
from npusim.datapath.contract import Parameters, Port, Unit, Values

FEW_VALUES = 16
"""Ports with at most so many legal values have a bin for each."""


def _port_bins(port: Port, parameters: Parameters) -> dict[str, int]:
    low, high = port.legal_bounds(parameters)
    values = range(low, high + 1) if high - low < FEW_VALUES else (low, high)
    return {f"{port.name} = {value}": value for value in values}


def coverage(
    unit: Unit,
    parameters: Parameters,
    vectors: Sequence[tuple[Values, Values]],
    fixed: Mapping[str, int],
) -> dict[str, int]:
    """Return bin -> number of vectors in it, over (inputs, outputs) pairs."""
    counts: dict[str, int] = {}
    for port in unit.inputs:
        if port.name in fixed or dict(parameters) != dict(unit.parameters):
            continue  # a variant may leave out what a port value asks for
        bins = _port_bins(port, parameters)
        lanes = (elements(inputs[port.name]) for inputs, _ in vectors)
        seen = Counter(chain.from_iterable(lanes))
        counts |= {name: seen[value] for name, value in bins.items()}
    for name, predicate in unit.coverage(parameters).items():
        counts[name] = sum(bool(predicate(inputs, outputs)) for inputs, outputs in vectors)
    return counts
