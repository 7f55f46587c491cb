"""npusim's own form of a function of one value: a table of 256 entries, named by the operator."""

from __future__ import annotations

from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.own import RULE, Attributes, Field, OwnForm, scale
from npusim.operators.page import PerRuntime


def table_form(kind: str, constants: PerRuntime, *fields: Field) -> OwnForm:
    """Return the form of a page whose constants are a table; `kind` is the function's word for it.

    Every table is the function `Activation`; its attributes `alpha` and `bounds` are written by all
    that go through it, 0 and infinite where the operator has none.
    """

    def implied(network: Network, node: Node) -> Attributes:
        ends = (float("-inf"), float("inf"))
        return {"alpha": 0.0, "bounds": ends, **scale(network, node), "kind": kind}

    def held(network: Network, node: Node) -> dict[str, NDArray]:
        return {"table": constants.of(network, node, RULE)}

    return OwnForm(f"{TABLE}:{kind}", fields, implied, held)


TABLE = "Activation"
"""The function of the domain; the operator is told by its attribute `kind`."""
