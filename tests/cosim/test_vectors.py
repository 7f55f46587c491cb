"""Inputs reach the corners, stay legal, and depend on nothing but the seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from npusim.cosim import CosimulationError, Wiring
from npusim.cosim.bench import make_image
from npusim.cosim.coverage import coverage
from npusim.cosim.units import load_unit, unit_names
from npusim.cosim.vectors import corner_biased, inputs_of, outputs_of
from npusim.datapath import requantize
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
    bins = coverage(toy.UNIT, PARAMETERS, pairs, Wiring())
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


NARROW = Wiring(
    widths={"acc": 24, "multiplier": 16, "shift": 5, "y": 8},
    fixed={
        "bias": 0, "mode": requantize.HALF_UP, "channel_shift": 0,
        "zero_point": 0, "low": -128, "high": 127,
    },
)  # fmt: skip
ONE_TERM = {"MAX_TERMS": 1}


def test_vectors_are_made_for_narrow_and_fixed_ports():
    """As many as asked for, all of them fitting, with results everywhere and every point met."""
    unit, count = requantize.UNIT, 5_000
    inputs = inputs_of(unit, ONE_TERM, count, Random(1), NARROW)
    assert len(inputs) >= count
    assert all(NARROW.fixed.items() <= values.items() for values in inputs)
    for values in inputs:
        assert -(1 << 23) <= values["acc"][0] < 1 << 23
        assert 0 <= values["multiplier"][0] < 1 << 16
        assert 0 <= values["shift"] < 32
    pairs = [(values, outputs_of(unit, ONE_TERM, values)) for values in inputs]
    found = Counter(outputs["y"] for _, outputs in pairs)
    assert set(found) == set(range(-128, 128))
    assert found[0] + found[-1] < count / 2
    bins = coverage(unit, ONE_TERM, pairs, NARROW)
    assert all(bins.values()), bins
    for name in ("half_up, tie", "clamps at high", "acc = 8388607", "shift = 31", "shift 0"):
        assert name in bins
    for name in ("floor, tie", "uint8 above 127", "shift 62"):
        assert name not in bins


def test_units_without_a_generator_of_their_own_are_mended_and_refilled():
    wiring = Wiring(widths={"a": 3}, fixed={"mode": 0})
    inputs = inputs_of(toy.UNIT, PARAMETERS, 60, Random(1), wiring)
    assert len(inputs) >= 60
    assert {values["a"] for values in inputs} == set(range(-4, 4))
    assert {values["mode"] for values in inputs} == {0}


def test_what_cannot_be_made_is_said():
    wiring = Wiring(widths={"total": 3}, fixed={"x": 7})
    with pytest.raises(CosimulationError, match="only 0 of 50 vectors could be made"):
        inputs_of(replace(LANES, vectors=lambda rng, count: [{"x": (7, 7, 7)}] * count),
                  {"LANES": 3}, 50, Random(1), wiring)  # fmt: skip


@pytest.mark.parametrize("name", unit_names())
def test_every_unit_has_vectors_for_one_fixed_port(name):
    """A port fixed at an end that is legal for it: vectors are made, and stay legal together."""
    unit = load_unit(name)
    parameters = dict(unit.parameters)
    plain = next((port for port in unit.inputs if port.lanes is None), None)
    if plain is None:
        return
    wiring = Wiring(fixed={plain.name: plain.legal_bounds(parameters)[0]})
    inputs = inputs_of(unit, parameters, 200, Random(1), wiring)
    assert len(inputs) >= 200
    for values in inputs:
        outputs_of(unit, parameters, values)
