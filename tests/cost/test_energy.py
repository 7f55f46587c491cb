"""Energy from counts: every event has a price, prices are the table's, sums are sums."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npusim.cost.energy import priced, sum_of, with_total
from npusim.cost.logic import LOGIC
from npusim.cost.memories import memories
from npusim.cost.prices import COMPONENTS, Prices, prices_of
from npusim.errors import FormatError, UnsupportedError
from npusim.machines import Machine
from npusim.simulator.counts import NAMES
from npusim.simulator.timing.dram import OUTCOMES
from npusim.words import MACHINES
from tests.cost.table import CHEAP, IDLE_GATED, WORKING_GATED, made_up

UNSHARED = {"array.lanes_per_requantizer": 1, "array.lanes_per_lookup": 1}
NANO = Machine.load("nano").with_({**UNSHARED, "energy.clock_gating": False})
"""With a unit of its own in each lane, as the made-up table has it."""
TABLE, TABLE_GATED = made_up(), made_up(clock_gated=True)


def gated(machine: Machine, gating: bool = True) -> Machine:
    return machine.with_({"energy.clock_gating": gating})


def price_list(machine: Machine) -> Prices:
    return prices_of(machine, TABLE_GATED if machine.energy.clock_gating else TABLE)


def operation(module: str, name: str) -> float:
    """Return what the made-up table says of nano's build, above an idle cycle."""
    (found,) = [
        r for r in TABLE.rows
        if r.module == module and r.parameters.get("ROWS", 4) == 4
        and r.parameters.get("SIZE", 4) == 4 and r.parameters.get("SUM_BITS", 18) == 18
    ]  # fmt: skip
    return found.energy_pj[name] - found.energy_pj["idle"]


BASE = Machine.load("base").with_({"energy.clock_gating": False})
SHARED = BASE.with_({
    "array.lanes_per_requantizer": 4, "array.lanes_per_lookup": 2,
})  # fmt: skip


@pytest.mark.parametrize("machine", [*map(Machine.load, MACHINES), SHARED], ids=lambda m: m.name)
@pytest.mark.parametrize("gating", [False, True])
def test_every_counted_event_has_a_price(machine, gating):
    found = price_list(gated(machine, gating))
    assert found.events.keys() == set(NAMES)
    for event, price in found.events.items():
        assert price.keys() <= set(COMPONENTS), event
        assert sum(price.values()) >= 0, event
    assert found.cycle.keys() <= set(COMPONENTS)


def test_an_event_without_a_price_is_an_error():
    with pytest.raises(UnsupportedError, match=r"expected a price for every event, .*: teleports"):
        priced(price_list(NANO), {"teleports": 1}, 0)


def test_products_pay_for_their_row_of_a_column():
    counts = {"array_cycles": 10, "macs_pwlq": 100}  # of 10 * 16 elements
    energy = priced(price_list(NANO), counts, 0)
    assert energy["array_pwlq"] == pytest.approx(100 * operation("npu_pe_column", "pwlq") / 4)
    lanes = operation("npu_subtract_zero_point", "operand") + operation("npu_lane", "operand")
    edge = 10 * (4 * lanes + sum(operation(name, "operand") for name in ("npu_array", "npu_rows")))
    assert energy["array_edge"] == pytest.approx(edge)
    assert energy["control"] == pytest.approx(10 * operation("npu_mac_engine", "run"))
    assert energy["array_uniform8"] == energy["dram"] == energy["clock"] == 0


def test_units_that_lanes_share_are_fewer_and_their_lanes_wait():
    made = {logic.module: logic.instances(SHARED) for logic in LOGIC}
    assert made["npu_requantize"] == made["npu_add"] == made["npu_epilogue"] == 4
    assert made["npu_lookup"] == made["npu_shared_lookup"] == 8
    assert made["npu_subtract_zero_point"] == 16 * 3 + 4  # of lanes and their lines, of pairs
    counts = {"requantize_terms": 32}  # of two words, a cycle for each quarter
    (alone, shared) = (
        priced(price_list(m), counts, 0) for m in (BASE, SHARED)
    )  # fmt: skip
    run = operation("npu_vector_engine", "run")
    assert (alone["control"], shared["control"]) == (pytest.approx(2 * run), pytest.approx(8 * run))
    assert shared["requantizers"] == pytest.approx(alone["requantizers"])


def test_requantizations_of_several_terms():
    one = priced(price_list(NANO), {"requantizations": 8, "requantize_terms": 8}, 0)
    three = priced(price_list(NANO), {"requantizations": 8, "requantize_terms": 24}, 0)
    term = operation("npu_requantize", "term")
    lane = operation("npu_lane", "term") + operation("npu_epilogue", "term")
    first = operation("npu_requantize", "requantize") + lane
    assert one["requantizers"] == pytest.approx(8 * first)
    assert three["requantizers"] - one["requantizers"] == pytest.approx(16 * (term + lane))


def test_the_float32_requantizer_is_priced_where_it_is_built_in():
    float32 = NANO.with_({"array.fp32_requantizer": 1})
    counts = {"float32_requantizations": 8}
    without, built_in = (priced(price_list(m), counts, 0) for m in (NANO, float32))
    assert sum(without.values()) == 0
    result = operation("npu_requantize_float", "requantize")
    result += sum(operation(name, "term") for name in ("npu_lane", "npu_epilogue"))
    assert built_in["requantizers"] == pytest.approx(8 * result)
    clocks = [price_list(gated(m, False)).cycle["clock"] for m in (NANO, float32)]
    assert clocks[1] - clocks[0] == pytest.approx(4 * 0.5)


def test_memories_and_dram_are_priced_by_access():
    counts = {"act_reads": 3, "act_writes": 5, "acc_writes": 7, "dram_read_bytes": 11}
    energy = priced(price_list(NANO), counts, 0)
    pads = {pad.name: pad for pad in memories(NANO, "nangate45")}
    act, acc = pads["act"].bank, pads["acc"].bank
    chosen = {name: operation(name, "word") for name in ("npu_scratchpads", "npu_accumulators")}
    assert energy["scratchpads"] == pytest.approx(
        3 * act.read_pj + 5 * act.write_pj + 8 * chosen["npu_scratchpads"]
    )
    assert energy["accumulators"] == pytest.approx(7 * (acc.write_pj + chosen["npu_accumulators"]))
    assert energy["dram"] == pytest.approx(11 * 8 * NANO.energy.dram_pj_per_bit)
    assert energy["dma"] == pytest.approx(11 * operation("npu_ld", "beat") / 4)


def test_a_dram_of_banks_and_rows_is_priced_by_command():
    machine = NANO.with_({"memory.model": "dram", "dram.part": "DDR4-2400"})
    dram, events = machine.dram, price_list(machine).events
    pj = {name: price.get("dram", 0.0) for name, price in events.items()}
    assert pj["dram_misses"] == pj["dram_conflicts"] == dram.activate_pj
    assert (pj["dram_hits"], pj["dram_reads"], pj["dram_writes"]) == (
        0,
        dram.read_pj,
        dram.write_pj,
    )
    assert pj["dram_read_bytes"] == pj["dram_write_bytes"] == pj["fetch_bytes"] == 0
    second = NANO.clock.frequency_hz * price_list(machine).cycle["dram"]
    assert second == pytest.approx(dram.refresh_pj / 7.8e-6 + 1e9 * dram.background_mw)
    flat = price_list(NANO)
    assert "dram" not in flat.cycle
    assert not any(flat.events[name] for name in OUTCOMES)


def test_clock_gating_is_another_netlist_and_moves_clocks_alone():
    gated_prices, plain = price_list(gated(NANO)), price_list(NANO)
    modules = sum(logic.instances(NANO) for logic in LOGIC)
    assert plain.cycle["clock"] == pytest.approx(modules * CHEAP["idle"])
    assert gated_prices.cycle["clock"] == pytest.approx(modules * IDLE_GATED)
    for name in NAMES:
        gate, no_gate = (dict(of.events[name]) for of in (gated_prices, plain))
        gate.pop("clock", None)
        assert no_gate.pop("clock", 0.0) == 0.0  # each register's clock goes on in every cycle
        assert gate == pytest.approx(no_gate)
    on = WORKING_GATED - IDLE_GATED
    events = gated_prices.events
    # A column, an operand register, what is its own, and three accumulators of each lane; the
    # array, its rows, the MAC engine.
    assert events["array_cycles"]["clock"] == pytest.approx(on * (4 * 6 + 3))
    assert "clock" not in events["accumulations"]
    assert events["requantizations"]["clock"] == 0.0  # its terms take the cycles
    assert events["requantize_terms"]["clock"] == pytest.approx(on * (3 + 1 / 4))
    assert events["act_reads"]["clock"] == pytest.approx(on)


def test_leakage_is_power_times_time():
    price = price_list(NANO).cycle["leakage"]
    twice = NANO.with_({"clock.frequency_hz": 2 * NANO.clock.frequency_hz})
    assert price_list(twice).cycle["leakage"] == pytest.approx(price / 2)
    logic = sum(
        item.instances(NANO) * TABLE.value(item.module, {"ROWS": 4, "SIZE": 4, "SUM_BITS": 18,
        "UNIFORM_BITS": 8, "SUBSET": 1, "PWLQ_BITS": 4}, "leakage_uw") for item in LOGIC
    )  # fmt: skip
    microwatts = logic + sum(pad.leakage_uw for pad in memories(NANO, "nangate45"))
    assert price * 1e-12 * NANO.clock.frequency_hz == pytest.approx(microwatts * 1e-6)


def test_energy_is_linear_in_counts_and_cycles():
    prices = price_list(NANO)
    first = {name: i + 1 for i, name in enumerate(NAMES)}
    second = {name: 3 * i for i, name in enumerate(NAMES)}
    both = {name: first[name] + second[name] for name in NAMES}
    parts = [priced(prices, first, 100), priced(prices, second, 11)]
    whole = with_total(priced(prices, both, 111))
    assert sum_of(map(with_total, parts)) == pytest.approx(whole)
    assert whole["total"] == pytest.approx(sum(whole[name] for name in COMPONENTS))


def test_a_format_that_is_not_built_in_costs_nothing_and_a_missing_build_is_an_error():
    narrow = NANO.with_({"array.formats": ["uniform8"]})
    found = price_list(narrow)
    assert found.events["macs_pwlq"] == {}
    assert found.events["macs_uniform4"]["array_uniform4"] > 0  # runs on the wider multipliers
    assert found.events["merges"] == {}
    deep = NANO.with_({"array.pwlq_bits": 6})
    with pytest.raises(UnsupportedError, match=r"npu_pe_column: no build runs .*PWLQ_BITS = 6"):
        price_list(deep)


def test_a_missing_module_or_operation_is_named():
    rows = tuple(row for row in TABLE.rows if row.module != "npu_add")
    with pytest.raises(FormatError, match="expected npu_add, found no row"):
        prices_of(NANO, replace(TABLE, rows=rows))
    broken = replace(TABLE.rows[-1], energy_pj={"idle": 1.0})
    with pytest.raises(FormatError, match="npu_st: expected operation beat, found idle"):
        prices_of(NANO, replace(TABLE, rows=(*TABLE.rows[:-1], broken)))
