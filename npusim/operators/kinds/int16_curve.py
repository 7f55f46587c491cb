"""Sigmoid and tanh of 16-bit values: LiteRT's table of 256 entries, or fixed point."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.operators.kinds.pairs import Integers
from npusim.operators.kinds.wide import (
    Values,
    require_no_zero_point,
    require_types,
)
from npusim.runtimes import gemmlowp_int16
from npusim.runtimes.requantization import affine, power_of_two


@dataclass(frozen=True)
class Int16Curve:
    """One function of int16 values whose outputs have the scale 2^-15.

    Attributes
    ----------
    by_table
        (values, scale of the input) -> outputs, interpolated in a table.
    in_fixed_point
        Values in 12 fraction bits -> outputs, as LiteRT's optimized kernel has it.
    exponents
        Of the input's scale, a power of two, with which the optimized kernel needs no table.
    """

    by_table: Callable[[Integers, float], Integers]
    in_fixed_point: Callable[[Integers], Integers]
    exponents: Collection[int]

    def of_integers(self, network: Network, node: Node) -> Values:
        """Return LiteRT's constants: the interpolated table."""
        x, y = network.inputs_of(node)[0], network.output_of(node)
        require_types(node, {"x": x, "y": y}, ("int16", "int16"))
        require_no_zero_point(node, x, y)
        sx, so = affine(node, x)[0], affine(node, y)[0]
        if power_of_two(float(so)) != -15:
            raise UnsupportedError(f"{node.name}: expected an output scale of 2^-15, found {so}")
        return lambda v: self.by_table(v, float(sx))

    def without_table(self, network: Network, node: Node) -> Values:
        """Return the optimized kernel's: fixed point where the input's scale allows it."""
        values = self.of_integers(network, node)
        exponent = power_of_two(float(affine(node, network.inputs_of(node)[0])[0]))
        if exponent is None or exponent not in self.exponents:
            return values
        shift = exponent + 12
        return lambda v: self.in_fixed_point(gemmlowp_int16.saturated(v << shift))
