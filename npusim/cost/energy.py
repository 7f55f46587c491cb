"""Energy of a run: counted events and cycles times their prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from npusim.cost.prices import COMPONENTS, Prices, prices
from npusim.errors import UnsupportedError
from npusim.machines import Machine


def energy_pj(
    machine: Machine, technology: str, counts: Mapping[str, int], cycles: int
) -> dict[str, float]:
    """Return the energy of `counts` events in `cycles` cycles, in pJ, by component.

    Parameters
    ----------
    counts
        Events by the names of npusim/simulator/counts.py.

    Raises
    ------
    UnsupportedError
        An event has no price.
    FormatError
        As `prices`.
    """
    return priced(prices(machine, technology), counts, cycles)


def priced(price: Prices, counts: Mapping[str, int], cycles: int) -> dict[str, float]:
    """Return the energy under given prices, in pJ, by component."""
    energy = dict.fromkeys(COMPONENTS, 0.0)
    for component, pj in price.cycle.items():
        energy[component] += pj * cycles
    for name, count in counts.items():
        if name not in price.events:
            raise UnsupportedError(f"energy: expected a price for every event, found none: {name}")
        for component, pj in price.events[name].items():
            energy[component] += pj * count
    return energy


def with_total(energy: Mapping[str, float]) -> dict[str, float]:
    """Return `energy` with key `total` first."""
    return {"total": sum(energy.values()), **energy}


def sum_of(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the sum of energies by component, and of totals."""
    total = dict.fromkeys(("total", *COMPONENTS), 0.0)
    for part in parts:
        for name, pj in part.items():
            total[name] += pj
    return total
