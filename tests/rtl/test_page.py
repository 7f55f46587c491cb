"""docs/rtl.md is of today: rows of the own network hold of today's compiler and simulator."""

from __future__ import annotations

import json

import pytest

from tools.pages.rtl import (
    MEASURED,
    OWN,
    RANDOM,
    network_name,
    predicted,
    random_name,
    random_outcome,
)

ROWS = json.loads(MEASURED.read_text())
REMAKE = "python -m tools.pages.rtl"


@pytest.mark.parametrize("machine", ["nano", "small", "base", "wide"])
def test_a_row_is_what_the_simulator_predicts_today(machine: str) -> None:
    _, outcome = predicted(OWN, machine)
    assert ROWS[network_name(OWN, machine)]["outcome"] == outcome, REMAKE


def test_random_programs_are_those_of_today() -> None:
    name, simulator, count = min(RANDOM, key=lambda one: one[2])
    row = ROWS[random_name(name, simulator, count)]
    assert row["outcome"] == random_outcome(name, count), REMAKE


def test_every_row_agrees() -> None:
    assert not [name for name, row in ROWS.items() if row["difference"]]
