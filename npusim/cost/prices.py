"""The price of every counted event of a machine, in pJ by component.

An event's price is the energy of the module's operation over that of an idle cycle, because idle
cycles are paid for all the time (component clock); with clock gating the operation is paid in full
and idle cycles are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from npusim.cost.logic import LOGIC, parameters
from npusim.cost.memories import memories
from npusim.cost.table import Table, load_table
from npusim.isa.spec import INSTRUCTION_BYTES, VEC_OPS
from npusim.machines import Machine

FORMATS = ("uniform8", "uniform4", "subset", "pwlq")
COMPONENTS = (
    *(f"array_{name}" for name in FORMATS), "array_idle", "array_edge", "accumulators",
    "requantizers", "vector", "scratchpads", "dma", "dram", "control", "clock", "leakage",
)  # fmt: skip
"""What energy is made of; docs/energy.md says what each holds."""

Price = Mapping[str, float]
"""pJ by component."""


@dataclass(frozen=True)
class Prices:
    """pJ by component of each counted event, and of each cycle."""

    events: Mapping[str, Price]
    cycle: Price


@lru_cache(maxsize=64)
def prices(machine: Machine, technology: str) -> Prices:
    """Return the prices of `machine` built in `technology`.

    Raises
    ------
    FormatError, UnsupportedError
        The technology's table lacks a module, an operation or the machine's formats.
    """
    return prices_of(machine, load_table(technology))


def prices_of(machine: Machine, table: Table) -> Prices:
    """Return the prices of `machine` under `table`."""
    built = parameters(machine)

    def idle(module: str) -> float:
        return 0.0 if machine.energy.clock_gating else table.value(module, built, "idle")

    def extra(module: str, operation: str) -> float:
        return table.value(module, built, operation) - idle(module)

    size, bus = machine.size, machine.bus.bus_bytes
    column = "npu_pe_column"
    zero = extra(column, "zero") / size  # of one element
    events: dict[str, dict[str, float]] = {}
    for name in FORMATS:
        runs = name in machine.array.formats or (name == "uniform4" and machine.uniform_bits)
        events[f"macs_{name}"] = {}
        if runs:  # else it cannot happen
            energy = extra(column, name) / size
            events[f"macs_{name}"] = {f"array_{name}": energy, "array_idle": -zero}
    operand = extra("npu_subtract_zero_point", "operand")
    mac_engine, vector_engine = extra("npu_mac_engine", "run"), extra("npu_vector_engine", "run")
    events["array_cycles"] = {
        "array_idle": size * size * zero, "array_edge": size * operand, "control": mac_engine
    }  # fmt: skip
    events["weight_decodes"] = {"array_edge": extra("npu_weight_column", "load")}
    events["weight_swaps"] = {"array_edge": extra("npu_weight_column", "swap")}
    events["accumulations"] = {"accumulators": extra("npu_accumulate", "accumulate")}
    term = extra("npu_requantize", "term")
    events["requantizations"] = {"requantizers": extra("npu_requantize", "requantize") - term}
    events["requantize_terms"] = {"requantizers": term, "control": vector_engine / size}
    events["merges"] = {}
    if machine.array.pwlq_bits:
        events["merges"] = {"requantizers": extra("npu_merge_regions", "merge")}
    folds = {
        "max": extra("npu_pool", "max"),
        "sum": extra("npu_pool", "sum"),
        "add": extra("npu_add", "add") / 2,  # of one of its two taps
        "lookup": extra("npu_lookup", "lookup"),
    }
    for name in VEC_OPS:  # every tap passes an operand register
        vector = operand + folds.get(name, 0.0)
        events[f"vector_{name}"] = {"vector": vector, "control": vector_engine / size}
    events |= _memory_prices(machine, table.technology)
    events |= _traffic_prices(
        machine, extra("npu_sequencer", "dispatch") / INSTRUCTION_BYTES,
        *(extra(f"npu_{name}", "beat") / bus for name in ("fetch", "ld", "st")),
    )  # fmt: skip
    return Prices(events, _cycle_price(machine, table))


def _memory_prices(machine: Machine, technology: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for pad in memories(machine, technology):
        found[f"{pad.name}_reads"] = {pad.component: pad.bank.read_pj}
        found[f"{pad.name}_writes"] = {pad.component: pad.bank.write_pj}
    return found


def _traffic_prices(
    machine: Machine, dispatch: float, fetch: float, load: float, store: float
) -> dict[str, dict[str, float]]:
    dram = 8 * machine.energy.dram_pj_per_bit
    return {
        "fetch_bytes": {"control": dispatch + fetch, "dram": dram},
        "dram_read_bytes": {"dma": load, "dram": dram},
        "dram_write_bytes": {"dma": store, "dram": dram},
    }


def _cycle_price(machine: Machine, table: Table) -> Price:
    built, clock, leakage_uw = parameters(machine), 0.0, 0.0
    for logic in LOGIC:
        instances = logic.instances(machine)
        leakage_uw += instances * table.value(logic.module, built, "leakage_uw")
        if not machine.energy.clock_gating:
            clock += instances * table.value(logic.module, built, "idle")
    leakage_uw += sum(pad.leakage_uw for pad in memories(machine, table.technology))
    return {"clock": clock, "leakage": 1e6 * leakage_uw / machine.clock.frequency_hz}
