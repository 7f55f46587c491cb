"""Scheme and bits of each layer within a budget of bytes, cycles or energy.

    sensitivities -> what each choice costs -> the knapsack's best selection -> its true cost

Bytes add up over layers; cycles and energy of a layer are those it has where all layers have one
choice, and depend a little on its neighbours: the selection is compiled for the machine, and where
it costs more than the budget the knapsack gets that much less, until it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from npusim.analysis.knapsack import front
from npusim.codes import WEIGHT_FORMATS
from npusim.codes.schemes import SCHEME_BITS, family
from npusim.engines.estimate import estimate
from npusim.errors import CapacityError, UnsupportedError
from npusim.machines import Machine
from npusim.quant.options import EXEMPT_SCHEME, Options
from npusim.quant.quantize import (
    Prepared,
    Quantized,
    is_linear,
    layer_choices,
    quantize_prepared,
)
from npusim.quant.sensitivity import Choice, Sensitivity, sensitivities

Resource = Literal["bytes", "cycles", "energy"]
"""What a budget is of; energy is in microjoules."""
RESOURCES: tuple[Resource, ...] = get_args(Resource)
MIXED_SCHEMES = WEIGHT_FORMATS
"""One for each weight code; multipoint and wes are made of these."""
MIXED_BITS = (8, 6, 4, 3, 2)
MOST_TRIES = 8
PICOJOULES = 1e6


@dataclass(frozen=True)
class Budget:
    """At most `amount` of `resource`; with `relative`, of what uniform int8 takes."""

    resource: Resource
    amount: float
    relative: bool

    def __str__(self) -> str:
        return f"{self.resource}={self.amount:g}{'x' if self.relative else ''}"

    def require_machine(self, machine: Machine | None) -> None:
        """Raise UnsupportedError where it is of cycles or energy, and there is no machine."""
        if self.resource != "bytes" and machine is None:
            raise UnsupportedError(f"--budget {self.resource}: expected --machine, found none")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Return the budget of `bytes=0.5x`, `cycles=100000` or `energy=20` (microjoules).

        Raises
        ------
        UnsupportedError
            The text has another form.
        """
        name, _, value = text.partition("=")
        number = value.removesuffix("x")
        for resource in RESOURCES:
            if name == resource:
                try:
                    amount = float(number)
                except ValueError:
                    break
                if 0 < amount < float("inf"):
                    return cls(resource, amount, value != number)
        raise UnsupportedError(
            f"--budget: expected {'=, '.join(RESOURCES)}= and a number above 0, with an x behind "
            f"it of what uniform int8 takes, found {text!r}"
        )


def mixed_choices(schemes: Sequence[str]) -> list[Choice]:
    """Return what a layer may be coded in: `schemes` at MIXED_BITS where they are defined.

    Raises
    ------
    UnsupportedError
        There is no such scheme; multipoint, whose stored bits are known only with its codes.
    """
    known = [name for name in SCHEME_BITS if family(name) != "multipoint"]
    for name in schemes:
        if name not in known:
            raise UnsupportedError(f"--mix: expected schemes of {', '.join(known)}, found {name!r}")
    return [
        (name, bits)
        for name in schemes
        for bits in MIXED_BITS
        if SCHEME_BITS[name][0] <= bits <= SCHEME_BITS[name][1]
    ]


def within_budget(
    prepared: Prepared,
    options: Options,
    budget: Budget,
    *,
    schemes: Sequence[str] = MIXED_SCHEMES,
    machine: Machine | None = None,
    found: Sequence[Sensitivity] | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> Options:
    """Return `options` with a scheme and bits for every layer, within `budget`.

    Layers that `options` names, exempts or keeps in 16 bits stay as it says.

    Parameters
    ----------
    schemes
        What a layer may be coded in.
    machine
        What cycles and energy are of.
    found
        What `layer_sensitivities` returns, which no budget changes; measured here where None.

    Raises
    ------
    UnsupportedError
        Cycles or energy without a machine.
    CapacityError
        No selection fits the budget: the message has what the least one takes.
    """
    budget.require_machine(machine)
    choices = _choices(prepared, options, schemes)
    names = [*choices]
    prices = _Prices(prepared, options, budget.resource, machine, threads)
    limit = budget.amount
    if budget.relative:
        plain = _Prices(
            prepared, replace(options, int16=(), float32=()), budget.resource, machine, threads
        )
        limit *= plain.of(dict.fromkeys(names, EXEMPT_SCHEME))
    if found is None:
        found = sensitivities(prepared, choices, options, progress, threads)
    best = front(
        [[prices.of_layer(one, choice) for choice in choices[one.layer]] for one in found],
        [[one.errors[choice] for choice in choices[one.layer]] for one in found],
    )

    def layers(picks: Iterable[int]) -> dict[str, Choice]:
        return {name: choices[name][i] for name, i in zip(names, picks, strict=True)}

    allowed = limit
    for _ in range(MOST_TRIES):
        picks = best.within(allowed)
        if picks is None:
            break
        true = prices.of(layers(picks))
        if true <= limit:
            return replace(options, layers=layers(picks), exempt="none")
        allowed = min(best.costs[best.costs <= allowed][-1] * (limit / true), allowed)
    least = prices.of(layers(best.picks[0]))
    if least <= limit:
        return replace(options, layers=layers(best.picks[0]), exempt="none")
    raise CapacityError(
        f"--budget {budget.resource}: expected at least {least:,.6g}, found {limit:,.6g}"
    )


def layer_sensitivities(
    prepared: Prepared,
    options: Options,
    schemes: Sequence[str] = MIXED_SCHEMES,
    threads: int | None = None,
) -> list[Sensitivity]:
    """Return what each choice that a budget has would do to each layer."""
    return sensitivities(prepared, _choices(prepared, options, schemes), options, threads=threads)


def _choices(
    prepared: Prepared, options: Options, schemes: Sequence[str]
) -> dict[str, list[Choice]]:
    """Return what each linear layer may be coded in, in order."""
    every = mixed_choices(schemes)
    names = [node.name for node in prepared.network.nodes if is_linear(node)]
    return {name: every for name in names} | _fixed(names, options)


def _fixed(names: list[str], options: Options) -> dict[str, list[Choice]]:
    """Return the one choice of each layer that `options` names or exempts."""
    chosen, otherwise = (
        layer_choices(names, replace(options, scheme="uniform", bits=bits)) for bits in (7, 5)
    )
    return {name: [choice] for name, choice in chosen.items() if choice == otherwise[name]}


class _Prices:
    """What choices take of a resource; codes are the nearest, which cost what any codes do."""

    def __init__(
        self,
        prepared: Prepared,
        options: Options,
        resource: Resource,
        machine: Machine | None,
        threads: int | None,
    ) -> None:
        self._prepared, self._threads = prepared, threads
        self._options = replace(options, encoder="nearest", exempt="none")
        self._resource = resource
        self._machine = None if resource == "bytes" else machine
        self._by_layer: dict[Choice, dict[str, float]] = {}

    def of(self, layers: Mapping[str, Choice]) -> float:
        """Return what the whole network takes."""
        quantized = self._quantized(layers)
        if self._machine is None:
            return -(-sum(layer.stored_bits for layer in quantized.layers) // 8)
        cost = estimate(quantized.network, self._machine, "half_up")
        cycles = self._resource == "cycles"
        return float(cost.cycles) if cycles else cost.energy_pj["total"] / PICOJOULES

    def of_layer(self, layer: Sensitivity, choice: Choice) -> float:
        """Return what one layer takes; inf where the machine does not run such layers."""
        if self._machine is None:
            return layer.stored_bits[choice] / 8
        if choice not in self._by_layer:
            names = [n.name for n in self._prepared.network.nodes if is_linear(n)]
            self._by_layer[choice] = self._rows(self._quantized(dict.fromkeys(names, choice)))
        return self._by_layer[choice].get(layer.layer, float("inf"))

    def _rows(self, quantized: Quantized) -> dict[str, float]:
        assert self._machine is not None
        try:
            rows = estimate(quantized.network, self._machine, "half_up").layers
        except (CapacityError, UnsupportedError):
            return {}
        cycles = self._resource == "cycles"
        return {
            row.name: float(row.cycles) if cycles else row.energy_pj["total"] / PICOJOULES
            for row in rows
        }

    def _quantized(self, layers: Mapping[str, Choice]) -> Quantized:
        options = replace(self._options, layers=dict(layers))
        return quantize_prepared(self._prepared, options, threads=self._threads)
