"""The traffic drives what it promises and expects what the protocol says."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from npusim.cosim.traffic import required_events, traffic
from npusim.cosim.wiring import Wiring

WIRINGS = {
    "full": Wiring(),
    "no enable": Wiring(enable=None),
    "no reset": Wiring(reset=None),
    "no valid": Wiring(valid_in=None, valid_out=None),
    "asynchronous": Wiring(reset="rst_n", reset_level=0, reset_asynchronous=True),
    "bare": Wiring(reset=None, enable=None, valid_in=None, valid_out=None),
}


def drive(latency, wiring, count=500, seed=3):
    events: Counter[str] = Counter()
    return list(traffic(count, latency, wiring, Random(seed), events)), events


@pytest.mark.parametrize("latency", [0, 1, 2, 5])
@pytest.mark.parametrize("name", WIRINGS)
def test_every_vector_is_seen_and_every_event_happens(name, latency):
    cycles, events = drive(latency, WIRINGS[name])
    assert {cycle.out for cycle in cycles if cycle.check_data} == set(range(500))
    assert all(events[event] > 0 for event in required_events(latency, WIRINGS[name]))


@pytest.mark.parametrize("latency", [1, 2, 5])
def test_expectations_are_those_of_a_pipeline(latency):
    """Replay the driven cycles through a pipeline written another way: a list of ages."""
    cycles, _ = drive(latency, Wiring())
    in_flight: list[list[int]] = []  # [vector, enabled cycles since it was accepted]
    for cycle in cycles:
        arrived = [vector for vector, age in in_flight if age == latency]
        assert cycle.out == (arrived[0] if arrived else -1)
        if cycle.reset:
            in_flight = []
        elif cycle.enable:
            in_flight = [[vector, age + 1] for vector, age in in_flight if age < latency]
            if cycle.valid and (cycle.style != "start"):
                in_flight.append([cycle.vector, 1])


def test_an_absent_port_is_never_used():
    cycles, _ = drive(2, WIRINGS["bare"])
    assert all(cycle.enable and cycle.valid and not cycle.reset for cycle in cycles)


def test_the_first_outputs_are_not_judged_before_reset():
    cycles, _ = drive(3, Wiring())
    assert cycles[0].reset
    assert not cycles[0].check_valid
    assert cycles[1].check_valid
