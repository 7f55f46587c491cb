"""The unit that an operator's page names is the one that its instructions keep busy."""

from __future__ import annotations

import pytest

from npusim.compiler.lower.lowerings import LOWERINGS
from npusim.isa.spec import VEC_OPS
from npusim.operators.pages import PAGE_OF
from tests.rtl.layers import CASES
from tests.rtl.test_layers import compiled_case

MOVES = {"LD", "ST", "VEC copy", "MAC", "RQ"}
"""A selection of channels multiplies by ones."""
BY_UNIT = {
    "array": lambda done: "MAC" in done,
    "vector unit": lambda done: bool(done - MOVES) or "RQ" in done,
    "data movement": lambda done: done <= MOVES and {"LD", "ST"} <= done,
}


def done_by_operators() -> dict[str, list[set[str]]]:
    """Return what each layer of the cases executes, by operator."""
    found: dict[str, list[set[str]]] = {}
    for name in CASES:
        program = compiled_case(name, "small").program
        for layer in program.layers:
            mine = program.instructions[layer.first : layer.first + layer.count]
            kinds = {
                f"VEC {VEC_OPS[item['op']]}" if item.name == "VEC" else item.name for item in mine
            }
            found.setdefault(layer.operator, []).append(kinds - {"CFG", "HALT"})
    return found


@pytest.fixture(scope="module")
def done() -> dict[str, list[set[str]]]:
    return done_by_operators()


@pytest.mark.parametrize("operator", LOWERINGS, ids=lambda operator: operator.__name__)
def test_the_unit_of_a_page_computes_its_operator(operator: type, done: dict) -> None:
    layers = done[operator.__name__]
    unit = PAGE_OF[operator].unit
    assert layers
    for kinds in layers:
        assert BY_UNIT[unit](kinds), kinds
