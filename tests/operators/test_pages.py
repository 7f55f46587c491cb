"""The list of pages finds an operator's constants; a movement has none."""

from __future__ import annotations

from npusim.graph.network import Network, Node
from npusim.operators.pages import PAGE_OF, PAGES, constants_of
from npusim.operators.reverse import Reverse


def test_every_operator_is_found_by_its_class() -> None:
    assert [PAGE_OF[page.operator] for page in PAGES] == list(PAGES)


def test_what_takes_integers_as_they_are_needs_no_constants() -> None:
    node = Node("n", Reverse((1,)), ("x",), ("y",))
    network = Network("net", "tflite", (), {}, (), ())
    assert constants_of(network, node, "litert") is None
