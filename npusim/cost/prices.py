"""The price of every counted event of a machine, in pJ by component.

An operation costs what its cycle takes more than an idle one, which is paid in every cycle of the
run. What clocks take of both, the idle cycle and the operation, stands apart in component clock:
`clock_gating` says of which netlist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from npusim.codes import ARRAY_FORMATS, MULTIPLIED_ON
from npusim.cost.logic import LOGIC, parameters
from npusim.cost.memories import memories
from npusim.cost.table import CLOCK, DATA, Table, load_table
from npusim.isa.instructions.mac import LINES
from npusim.isa.spec import INSTRUCTION_BYTES, VEC_OPS
from npusim.isa.traffic import instruction_beats
from npusim.machines import Machine

COMPONENTS = (
    *(f"array_{name}" for name in ARRAY_FORMATS), "array_edge", "accumulators", "requantizers",
    "vector", "scratchpads", "dma", "dram", "control", "clock", "leakage",
)  # fmt: skip
"""What energy is made of; docs/energy.md says what each holds."""

TRAFFIC = ("fetch_bytes", "dram_read_bytes", "dram_write_bytes")
COMPONENT = {logic.module: logic.component for logic in LOGIC}

CHOOSERS = {
    "act": ("npu_scratchpads", "word"), "wgt": ("npu_scratchpads", "word"),
    "par": ("npu_scratchpads", "par"), "acc": ("npu_accumulators", "word"),
}  # fmt: skip
"""Memory -> what chooses its bank, and keeps what was read; and an access to it."""

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
    return prices_of(machine, load_table(technology, machine.energy.clock_gating))


def prices_of(machine: Machine, table: Table) -> Prices:
    """Return the prices of `machine` under `table`."""
    built, size, bus = parameters(machine), machine.size, machine.bus.bus_bytes
    events: dict[str, dict[str, float]] = {}

    def above_idle(module: str, operation: str, less: str = "idle") -> tuple[float, float]:
        """Return what an operation takes more than another: data, and clocks."""
        data, clock = (
            table.value(module, built, kind + operation) - table.value(module, built, kind + less)
            for kind in (DATA, CLOCK)
        )
        return data, clock

    def add(
        event: str, module: str, operation: str, many: float = 1.0, component: str = "",
        clocked: bool = True,
    ) -> None:  # fmt: skip
        """Price `event` at `many` operations of a module, and their clock if `clocked`."""
        data, clock = above_idle(module, operation)
        price = events.setdefault(event, {})
        component = component or COMPONENT[module]
        price[component] = price.get(component, 0.0) + many * data
        if clocked:
            price["clock"] = price.get("clock", 0.0) + many * clock

    for name in ARRAY_FORMATS:
        events[f"macs_{name}"] = {}
        if machine.runs(name):
            on, share = MULTIPLIED_ON.get(name, name), 1 / machine.rows
            add(f"macs_{name}", "npu_pe_column", on, share, f"array_{name}", clocked=False)
    add("array_cycles", "npu_subtract_zero_point", "operand", size * machine.words)
    add("array_cycles", "npu_lane", "operand", size)
    if machine.array.line_words:
        add("line_reads", "npu_subtract_zero_point", "operand", size * LINES)
        add("line_reads", "npu_lines", "read", size)
    add("array_cycles", "npu_array", "operand")
    add("array_cycles", "npu_mac_engine", "run")
    add("array_cycles", "npu_rows", "operand")
    # The clocks of all rows and regions go on, with products or without.
    add("array_cycles", "npu_pe_column", "run", size)
    add("array_cycles", "npu_accumulate", "run", size * machine.acc_regions)
    add("weight_decodes", "npu_weight_column", "load")
    add("weight_swaps", "npu_weight_column", "swap")
    add("accumulations", "npu_accumulate", "accumulate", clocked=False)
    add("requantize_terms", "npu_requantize", "term")
    data, clock = above_idle("npu_requantize", "requantize", "term")
    events["requantizations"] = {"requantizers": data, "clock": clock}  # beside its terms
    turns, lookup_turns = machine.array.lanes_per_requantizer, machine.array.lanes_per_lookup

    def add_term(event: str) -> None:
        """Price a term of one lane beside its requantizer: `turns` cycles of the lane."""
        add(event, "npu_lane", "term", component="requantizers")
        add(event, "npu_vector_engine", "run", turns / size)
        add(event, "npu_epilogue", "term")

    add_term("requantize_terms")
    events["float32_requantizations"] = {}
    if machine.array.fp32_requantizer:
        add("float32_requantizations", "npu_requantize_float", "requantize")
        add_term("float32_requantizations")
    events["merges"] = {}
    if machine.array.pwlq_bits:
        add("merges", "npu_merge_regions", "merge")
    for name in VEC_OPS:
        its_turns = {"add": turns, "multiply": turns, "lookup": lookup_turns}.get(name, 1)
        add(f"vector_{name}", "npu_array", "tap", its_turns / size, "vector")
        add(f"vector_{name}", "npu_vector_engine", "run", its_turns / size)
    for name in ("vector_max", "vector_min"):  # the same comparison
        add(name, "npu_pool", "max")
    add("vector_sum", "npu_pool", "sum")
    for name in ("vector_add", "vector_multiply"):
        add(name, "npu_add", "add", 1 / 2)  # of one of its two taps
        add(name, "npu_subtract_zero_point", "operand", component="vector")
        add(name, "npu_epilogue", "tap", component="vector")
    add("vector_lookup", "npu_lookup", "lookup")
    if lookup_turns > 1:
        add("vector_lookup", "npu_shared_lookup", "lookup")
    add("fetch_bytes", "npu_sequencer", "dispatch", 1 / INSTRUCTION_BYTES)
    beats_per_byte = {
        "npu_fetch": instruction_beats(machine) / INSTRUCTION_BYTES,
        "npu_ld": 1 / bus, "npu_st": 1 / bus,
    }  # fmt: skip
    for event, module in zip(TRAFFIC, ("npu_fetch", "npu_ld", "npu_st"), strict=True):
        add(event, module, "beat", beats_per_byte[module])
        if machine.memory.model != "dram":
            events[event]["dram"] = 8 * machine.energy.dram_pj_per_bit
    events |= _dram_commands(machine)
    for name in ("line_reads", "line_writes"):
        events.setdefault(name, {})
    for pad in memories(machine, table.technology):
        for event, pj in (("reads", pad.bank.read_pj), ("writes", pad.bank.write_pj)):
            price = events.setdefault(f"{pad.name}_{event}", {})
            price[pad.component] = price.get(pad.component, 0.0) + pj
    for name, (module, access) in CHOOSERS.items():
        for event in (f"{name}_reads", f"{name}_writes"):
            add(event, module, access)
    add("par_reads", "npu_lane", "par", size, "requantizers")
    return Prices(events, _cycle_price(machine, table))


def _dram_commands(machine: Machine) -> dict[str, dict[str, float]]:
    """Return the price of each outcome of an access; in another memory bits are priced instead."""
    dram, is_built = machine.dram, machine.memory.model == "dram"
    pj = {
        "dram_hits": 0.0, "dram_misses": dram.activate_pj, "dram_conflicts": dram.activate_pj,
        "dram_reads": dram.read_pj, "dram_writes": dram.write_pj,
    }  # fmt: skip
    return {event: {"dram": price} if is_built else {} for event, price in pj.items()}


def _dram_standing_by(machine: Machine) -> float:
    """Return the pJ of a cycle that a DRAM takes without an access: refreshes and background."""
    dram = machine.dram
    refresh_pj_per_second = dram.refresh_pj * dram.clock_hz / dram.tREFI_clocks
    return (refresh_pj_per_second + 1e9 * dram.background_mw) / machine.clock.frequency_hz


def _cycle_price(machine: Machine, table: Table) -> Price:
    built, clock, leakage_uw = parameters(machine), 0.0, 0.0
    for logic in LOGIC:
        instances = logic.instances(machine)
        if instances:
            leakage_uw += instances * table.value(logic.module, built, "leakage_uw")
            clock += instances * table.value(logic.module, built, "idle")
    leakage_uw += sum(pad.leakage_uw for pad in memories(machine, table.technology))
    price = {"clock": clock, "leakage": 1e6 * leakage_uw / machine.clock.frequency_hz}
    if machine.memory.model == "dram":
        price["dram"] = _dram_standing_by(machine)
    return price
