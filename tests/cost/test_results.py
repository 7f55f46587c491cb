"""Energy and area in what users get: results, estimates, comparisons; toggles and average."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npusim.codes import ARRAY_FORMATS
from npusim.cost.area import area_json, area_um2
from npusim.cost.logic import parameters
from npusim.cost.prices import COMPONENTS, prices
from npusim.cost.table import load_table
from npusim.cost.toggles import array_energy_pj
from npusim.engines.engine import run
from npusim.engines.estimate import estimate
from npusim.errors import FormatError, UnsupportedError
from npusim.explore.compare import compare
from npusim.formats.files import load
from npusim.machines import Machine
from npusim.quant.options import as_published
from npusim.quant.quantize import prepare, quantize_prepared
from npusim.simulator.activity import FEATURES
from npusim.words import TECHNOLOGIES

DIGITS = Path(__file__).resolve().parents[2] / "npusim/networks/digits"
NANO = Machine.load("nano")
PRODUCTS = [f"array_{name}" for name in ARRAY_FORMATS]


@pytest.fixture(scope="module")
def network():
    return load(DIGITS / "digits_int8.onnx")


@pytest.fixture(scope="module")
def samples():
    return np.load(DIGITS / "digits_test.npz")["x"][:2]


def test_a_run_and_an_estimate_have_the_same_average_energy(network, samples):
    result, found = run(network, samples, engine="machine", machine=NANO), estimate(network, NANO)
    assert result.energy == found.energy_pj
    data = result.as_json()
    assert data["energy_pj"] == found.energy_pj
    assert data["energy_pj"].keys() == {"total", *COMPONENTS}
    assert "average_energy_pj" not in data
    layers = [layer["energy_pj"] for layer in data["layers"] if "energy_pj" in layer]
    assert sum(e["total"] for e in layers) == pytest.approx(data["energy_pj"]["total"], rel=1e-12)
    estimated = found.as_json()
    for key, value in area_json(NANO).items():
        assert data[key] == estimated[key] == value


def test_kernels_know_no_energy(network, samples):
    result = run(network, samples)
    assert not hasattr(result, "energy")
    assert all(layer.cost is None for layer in result.layers)
    assert not {"energy_pj", "area_um2"} & result.as_json().keys()
    with pytest.raises(UnsupportedError, match="toggles: expected engine machine, found kernels"):
        run(network, samples, energy="toggles")


def test_toggles_price_the_data_and_nothing_else_changes(network, samples):
    average = run(network, samples, engine="machine", machine=NANO)
    first, second, both = (
        run(network, x, engine="machine", machine=NANO, energy="toggles")
        for x in (samples[:1], samples[1:], samples)
    )
    assert first.average_energy == average.energy
    assert first.energy["array_uniform8"] != second.energy["array_uniform8"]
    for name in (*PRODUCTS, "total"):  # the mean of the samples
        mean = (first.energy[name] + second.energy[name]) / 2
        assert both.energy[name] == pytest.approx(mean, rel=1e-9)
    for name in set(COMPONENTS) - set(PRODUCTS):
        assert first.energy[name] == average.energy[name]
    assert first.as_json()["average_energy_pj"] == average.energy
    for name, values in average.outputs.items():
        assert np.array_equal(values, both.outputs[name])
    assert 0.5 < average.energy["array_uniform8"] / both.energy["array_uniform8"] < 2


def test_data_that_stands_still_costs_less(network, samples):
    still = np.zeros_like(samples[:1])
    digit, nothing = (
        run(network, x, engine="machine", machine=NANO, energy="toggles").layers[0].cost.energy_pj
        for x in (samples[:1], still)
    )
    assert nothing["array_uniform8"] < 0.5 * digit["array_uniform8"]


def test_activity_is_priced_by_the_table_s_fit():
    fit = (
        load_table("nangate45", NANO.energy.clock_gating)
        .nearest("npu_pe_column", parameters(NANO))
        .activity
    )
    activity = {"pwlq": dict.fromkeys(FEATURES, 1000), "subset": dict.fromkeys(FEATURES, 0)}
    energy = array_energy_pj(NANO, "nangate45", activity)
    assert energy["array_pwlq"] == pytest.approx(1000 * sum(fit["pwlq"].values()))
    assert energy["array_subset"] == 0
    with pytest.raises(FormatError, match="expected the activity fit of uniform8, magic"):
        array_energy_pj(NANO, "nangate45", {"uniform8": {"magic": 1}})


def test_products_of_a_table_cost_what_those_of_its_multiplier_do() -> None:
    machine = NANO.with_({"array.formats": ["uniform8", "lut"]})
    for technology in TECHNOLOGIES:
        events = prices(machine, technology).events
        assert events["macs_lut"] == {"array_lut": events["macs_uniform8"]["array_uniform8"]}
    activity = {"lut": dict.fromkeys(FEATURES, 1000)}
    expected = array_energy_pj(machine, "nangate45", {"uniform8": activity["lut"]})
    found = array_energy_pj(machine, "nangate45", activity)
    assert found["array_lut"] == expected["array_uniform8"] > 0


def test_products_of_a_doubled_step_cost_what_those_of_the_least_multiplier_there_do() -> None:
    for technology in TECHNOLOGIES:
        for multiplier in ("uniform6", "uniform8"):
            machine = NANO.with_({"array.formats": [multiplier, "pwlq_double"], "array.size": 16})
            events = prices(machine, technology).events
            (price,) = events["macs_pwlq_double"].values()
            assert events[f"macs_{multiplier}"] == {f"array_{multiplier}": price}
            assert events["macs_uniform6"] == {"array_uniform6": price}
    narrow, wide = (
        prices(NANO.with_({"array.formats": [name], "array.size": 16}), "nangate45")
        for name in ("uniform6", "uniform8")
    )
    less, more = narrow.events["macs_uniform6"], wide.events["macs_uniform6"]
    assert less["array_uniform6"] < 0.9 * more["array_uniform6"]


def test_a_table_of_levels_takes_its_area_at_the_array_s_edge() -> None:
    plain = NANO.with_({"array.formats": ["uniform8"], "array.size": 16})
    table = plain.with_({"array.formats": ["uniform8", "lut"]})
    less, more = area_um2(plain, "nangate45"), area_um2(table, "nangate45")
    larger = {name for name, value in less.items() if more[name] > value}
    assert larger == {"npu_weight_column", "total"}
    assert more.keys() - less.keys() == {"npu_registers"}
    assert more["total"] < 1.05 * less["total"]


def test_area_is_that_of_every_module():
    area = area_um2(NANO, "nangate45")
    assert area["total"] == pytest.approx(sum(area.values()) - area["total"])
    table = load_table("nangate45", NANO.energy.clock_gating)
    one = table.value("npu_requantize", parameters(NANO), "area_um2")
    requantizers = NANO.size // NANO.array.lanes_per_requantizer
    assert area["npu_requantize"] == pytest.approx(requantizers * one)
    narrow = NANO.with_({"array.formats": ["uniform8"]})
    less = area_um2(narrow, "nangate45")
    assert "npu_merge_regions" not in less
    assert less["acc_memory"] == pytest.approx(area["acc_memory"] / 3)
    assert less["npu_pe_column"] <= area["npu_pe_column"]


def test_compare_prices_each_scheme_on_a_machine(samples):
    network = load(DIGITS / "digits_float.onnx")
    x = samples.astype(np.float32)
    machine = NANO.with_({"array.formats": ["uniform8"]})
    uniform, pwlq = compare(
        network, x, schemes=["uniform", "pwlq"], bits=(4,), machine=machine, threads=1
    )["rows"]
    quantized = quantize_prepared(prepare(network, x, 1), as_published("uniform", bits=4))
    expected = estimate(quantized.network, machine, "half_up")
    assert uniform["cycles"] == expected.cycles
    assert uniform["energy_pj"] == expected.energy_pj
    assert uniform["area_um2"] == area_um2(machine, "nangate45")["total"]
    assert "cycles" not in pwlq
    assert "pwlq" in pwlq["machine_error"]
