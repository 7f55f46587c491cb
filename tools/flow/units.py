"""The modules of the table: where an instance is, and how often it worked in a recorded window.

The energy of an operation class is that of a cycle with one operation; `idle` that of a cycle
without any, the clock going on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from npusim.codes import ARRAY_FORMATS, LUT, MULTIPLIERS
from tools.flow.record import Recording
from tools.flow.traffic import LANE, VECTOR, Build

Counts = Mapping[str, float]


@dataclass(frozen=True)
class Unit:
    """A module: its instance below npu_top, parameters by build, and what its windows count.

    `count(recording, format)`: operations by class in all cycles but the first. `kinds`: windows
    that are replayed; `rows`: operations are counted in active rows, and priced for all.
    """

    module: str
    path: str
    parameters: Callable[[Build], Mapping[str, int]]
    kinds: tuple[str, ...]
    count: Callable[[Recording, str], Counts]
    formats: tuple[str, ...] = ("uniform8", "pwlq")
    rows: bool = False
    own: bool = False
    """The module's own logic alone, without that of the modules that it instantiates."""


def total(r: Recording, *names: str) -> int:
    """Return in how many cycles but the first all the signals are not 0."""
    columns = [r.numbers(name)[1:] for name in names]
    return sum(all(values) for values in zip(*columns, strict=True))


def _rows(r: Recording, weight_format: str) -> Counts:
    active = zip(r.numbers("operand_active"), r.numbers("operand_valid"), strict=True)
    at_the_pes = list(active)[:-3]  # three cycles later
    return {weight_format: sum(a.bit_count() for a, valid in at_the_pes if valid)}


def _weights(r: Recording, weight_format: str) -> Counts:
    return {"load": total(r, "shadow_write"), "swap": total(r, "swap")}


def _operands(r: Recording, weight_format: str) -> Counts:
    return {"operand": total(r, "operand_valid")}


def _accumulate(r: Recording, weight_format: str) -> Counts:
    return {"accumulate": sum(bool(w & 1) for w in r.numbers("acc_write")[1:])}


def _merge(r: Recording, weight_format: str) -> Counts:
    merges = sum(
        bool(v and m and not i)
        for v, m, i in zip(
            *(r.numbers(name)[1:] for name in ("term_valid", "merge", "term_index")), strict=True
        )
    )
    return {"merge": merges, "read": total(r, "acc_read") - merges}


def _requantize(r: Recording, weight_format: str) -> Counts:
    adds = total(r, "write", "is_add")
    terms = total(r, "term_valid") - total(r, "term_valid", "is_sum")
    return {"result": total(r, "write") - total(r, "write", "is_max"), "term": terms + adds}


def _pool(r: Recording, weight_format: str) -> Counts:
    return {"max": total(r, "tap", "is_max"), "sum": total(r, "tap", "is_sum")}


def _add(r: Recording, weight_format: str) -> Counts:
    return {"add": total(r, "tap", "is_add") / 2}


def _lookup(r: Recording, weight_format: str) -> Counts:
    return {"lookup": total(r, "tap", "is_lookup")}


def _lane(r: Recording, weight_format: str) -> Counts:
    return {
        "term": total(r, "term_valid"), "par": total(r, "par"), "operand": total(r, "operand_valid")
    }  # fmt: skip


def _epilogue(r: Recording, weight_format: str) -> Counts:
    return {"term": total(r, "term_valid"), "tap": total(r, "tap")}


def _array(r: Recording, weight_format: str) -> Counts:
    return {"tap": total(r, "tap"), "operand": total(r, "operand_valid")}


def _run(signal: str) -> Callable[[Recording, str], Counts]:
    return lambda r, weight_format: {"run": total(r, signal)}


def _dispatch(r: Recording, weight_format: str) -> Counts:
    return {"dispatch": total(r, "push")}


def _beats(*signals: str) -> Callable[[Recording, str], Counts]:
    return lambda r, weight_format: {"beat": total(r, *signals)}


def _none(r: Recording, weight_format: str) -> Counts:
    return {}


def _column(b: Build) -> Mapping[str, int]:
    return {"ROWS": b.size, **b.parameters}


def _products(b: Build) -> Mapping[str, int]:
    """Return what a column of PEs is built with: decoders are none of its business."""
    decoders = "LUT", "PWLQ_DOUBLE"
    return {name: value for name, value in _column(b).items() if name not in decoders}


def _sized(b: Build) -> Mapping[str, int]:
    return {"SIZE": b.size, **b.parameters}


def _size(b: Build) -> Mapping[str, int]:
    return {"SIZE": b.size}


def _sum_bits(b: Build) -> Mapping[str, int]:
    most = max(b.uniform_bits, b.pwlq_bits)
    product = 8 + (6 if b.subset and most < 6 else most)
    return {"SUM_BITS": product + b.size.bit_length() - 1}


def _plain(b: Build) -> Mapping[str, int]:
    return {}


def _levels(b: Build) -> Mapping[str, int]:
    return {"COUNT": len(LUT.level_registers)}


def _bus(b: Build) -> Mapping[str, int]:
    machine = b.machine
    return {"BUS_BYTES": machine.bus.bus_bytes}


def _transfer(b: Build) -> Mapping[str, int]:
    return {"SIZE": b.size, **_bus(b), "BURST_BEATS": b.machine.bus.burst_beats}


_UNIT = f"ex.array.lane[{LANE}].unit"
_EPILOGUE = f"ex.array.requantizer[{LANE}].unit"

COLUMN = Unit(
    "npu_pe_column", f"{_UNIT}.pe_column", _products, ("MAC",), _rows, MULTIPLIERS, rows=True
)
WEIGHTS = Unit(
    "npu_weight_column", f"{_UNIT}.weight_column", _column, ("MAC",), _weights, ARRAY_FORMATS
)
ACCUMULATE = Unit(
    "npu_accumulate", f"{_UNIT}.region[0].gen_there.accumulate", _sum_bits, ("MAC",), _accumulate,
    MULTIPLIERS,
)  # fmt: skip
SIZED = (COLUMN, WEIGHTS, ACCUMULATE)
"""Made in several sizes and with several formats."""
UNITS = (
    *SIZED,
    Unit("npu_subtract_zero_point", f"{_UNIT}.subtract_zero_point", _plain, ("MAC",),
         _operands),
    Unit("npu_merge_regions", f"{_EPILOGUE}.merge_regions", _plain, ("MAC", "RQ"), _merge),
    Unit("npu_requantize", f"{_EPILOGUE}.requantize", lambda b: {"MAX_TERMS": 1}, ("RQ", "VEC"),
         _requantize),
    Unit("npu_pool", f"{_UNIT}.pool", _plain, ("VEC",), _pool, ("uniform8", VECTOR)),
    Unit("npu_add", f"{_EPILOGUE}.add", _plain, ("VEC",), _add, ("uniform8", VECTOR)),
    Unit("npu_lookup", f"ex.array.lookup[{LANE}].unit.lookup", _plain, ("VEC",), _lookup,
         (VECTOR,)),
    Unit("npu_mac_engine", "ex.mac_engine", _size, ("MAC", "RQ"), _run("mac_engine_busy")),
    Unit("npu_vector_engine", "ex.vector_engine", _plain, ("MAC", "RQ", "VEC"),
         _run("vector_engine_busy")),
    Unit("npu_operands_ex", "ex.operands", _sized, ("MAC", "RQ"), _none),
    Unit("npu_sequencer", "sequencer", _plain, ("LD", "RQ"), _dispatch),
    Unit("npu_fetch", "fetch", _bus, ("LD", "RQ"), _beats("fetch_beat")),
    Unit("npu_control", "control", _sized, ("LD", "RQ"), _none),
    Unit("npu_ld", "ld", _transfer, ("LD", "RQ"), _beats("ld_beat")),
    Unit("npu_st", "st", _transfer, ("ST", "RQ"), _beats("st_valid", "st_ready")),
)  # fmt: skip
SHARED = (
    Unit("npu_epilogue", "ex.array.requantizer[0].unit",
         lambda b: {"LANES_PER_REQUANTIZER": b.lanes}, ("RQ", "VEC"), _epilogue,
         ("uniform8", "pwlq", VECTOR), own=True),
    Unit("npu_shared_lookup", "ex.array.lookup[0].unit", lambda b: {"LANES_PER_LOOKUP": b.lanes},
         ("VEC",), _lookup, (VECTOR,), own=True),
)  # fmt: skip
"""What chooses between lanes, and keeps what they get: where several share a unit."""
OWN = (
    Unit("npu_lane", _UNIT, _column, ("MAC", "RQ", "VEC"), _lane, ("uniform8", "pwlq"), own=True),
    Unit("npu_array", "ex.array", _sized, ("MAC", "RQ", "VEC"), _array, ("uniform8", VECTOR),
         own=True),
)  # fmt: skip
"""Modules whose own logic holds the others together."""
LEVELS = Unit("npu_registers", "", _levels, (), _none)
"""The registers of lut's levels, beside those of the sequencer; nothing is recorded of them."""
FORMED = tuple(u for u in UNITS if "PWLQ_BITS" in u.parameters(Build(4, 8, 1, 4)))
"""Built for the formats that a machine runs."""
