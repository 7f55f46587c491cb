"""Inputs reach the corners, stay legal, and depend on nothing but the seed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from npusim.cosim import CosimulationError, Wiring
from npusim.cosim.bench import make_image
from npusim.cosim.coverage import coverage
from npusim.cosim.vectors import corner_biased, inputs_of, outputs_of
from npusim.datapath.contract import Port, Unit
from npusim.errors import RangeError
from tests.cosim import toy

PARAMETERS = dict(toy.UNIT.parameters)

LANES = Unit(
    name="dot",
    ports=(
        Port("x", "in", 4, signed=True, lanes=lambda p: p["LANES"]),
        Port("total", "out", 16, signed=True),
    ),
    latency_cycles=1,
    scalar=lambda x, lanes: sum(x) * lanes,
    parameters={"LANES": 3},
)


def test_the_same_seed_gives_the_same_image_and_another_another():
    images = [make_image(toy.UNIT, PARAMETERS, Wiring(), seed=s, vectors=50) for s in (1, 1, 2)]
    assert images[0] == images[1]
    assert images[0] != images[2]


def test_a_small_space_is_driven_exhaustively():
    inputs = inputs_of(LANES, {"LANES": 3}, 4096, Random(1), Wiring())
    assert len({values["x"] for values in inputs}) == 16**3


def test_random_inputs_reach_every_extreme_and_are_legal():
    inputs = inputs_of(toy.UNIT, PARAMETERS, 100, Random(1), Wiring())
    pairs = [(values, outputs_of(toy.UNIT, PARAMETERS, values)) for values in inputs]
    bins = coverage(toy.UNIT, PARAMETERS, pairs, {})
    assert all(bins[name] for name in ("a = -256", "a = 255", "b = 0", "b = 16", "mode = 0"))
    assert all(0 <= values["b"] <= 16 for values in inputs)


@pytest.mark.parametrize(("low", "high"), [(-(2**31), 2**31 - 1), (0, 7), (-3, -1), (5, 5)])
def test_corner_biased_numbers_stay_inside(low, high):
    rng = Random(4)
    drawn = [corner_biased(rng, low, high) for _ in range(2000)]
    assert low <= min(drawn) <= max(drawn) <= high
    assert {low, high} <= set(drawn)


def test_an_illegal_generated_input_is_refused():
    unit = replace(toy.UNIT, vectors=lambda rng, count: [{"a": 0, "b": 17, "mode": 0}])
    with pytest.raises(CosimulationError, match=r"vector 0: b: expected 0\.\.16, found 17"):
        inputs_of(unit, PARAMETERS, 1, Random(1), Wiring())
    unit = replace(toy.UNIT, vectors=lambda rng, count: [{"a": 0, "b": 1}])
    with pytest.raises(CosimulationError, match="has no value for mode"):
        inputs_of(unit, PARAMETERS, 1, Random(1), Wiring())


def test_a_scalar_gets_lanes_and_lower_case_parameters():
    assert outputs_of(LANES, {"LANES": 3}, {"x": (1, -2, 3)}) == {"total": 6}


def test_lanes_pack_with_lane_0_lowest_and_unpack_to_the_same():
    port = LANES.inputs[0]
    assert port.pack((1, -1, 7), {"LANES": 3}) == 0x7F1
    assert port.unpack(0x7F1, {"LANES": 3}) == (1, -1, 7)
    with pytest.raises(RangeError, match=r"x: expected -8\.\.7, found 8"):
        port.pack((8, 0, 0), {"LANES": 3})
    with pytest.raises(RangeError, match="expected 3 lanes, found 2"):
        port.pack((1, 2), {"LANES": 3})
