"""A page's constants are those of the rule's runtime; what is absent says why, with the node."""

from __future__ import annotations

import pytest

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.operators.abs import Abs
from npusim.operators.page import Absent, PerRuntime
from npusim.words import ROUNDINGS, RUNTIMES

NODE = Node("n", Abs(), ("x",), ("y",))
NETWORK = Network("net", "npusim", (), {}, (), ())


def named(name: str):
    return lambda network, node, *mode: (name, *mode)


CONSTANTS = PerRuntime(
    litert=named("litert"),
    litert_opt=named("litert_opt"),
    xnnpack=named("xnnpack"),
    onnxruntime=Absent("has no such operator"),
    tosa=named("tosa"),
    integer=named("integer"),
)


def test_every_rule_finds_its_function() -> None:
    for runtime in set(RUNTIMES) - {"onnxruntime"}:
        assert CONSTANTS.of(NETWORK, NODE, runtime) == (runtime.replace("-", "_"),)
    for mode in ROUNDINGS:
        assert CONSTANTS.of(NETWORK, NODE, mode) == ("integer", mode)


def test_what_is_absent_names_the_node_and_the_reason() -> None:
    with pytest.raises(UnsupportedError, match=r"^n: Abs has no such operator$"):
        CONSTANTS.of(NETWORK, NODE, "onnxruntime")
