"""The modules of the table: where an instance is, and how often it worked in a recorded window.

The energy of an operation class is that of a cycle with one operation; `idle` that of a cycle
without any, the clock going on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from npusim.codes import ARRAY_FORMATS, LUT, MULTIPLIERS
from tools.flow.record import Recording
from tools.flow.synthesis import ALL, BANKS, rtl_files
from tools.flow.timing import hash_of
from tools.flow.traffic import RECORDED_LANE, VECTOR, Build

Counts = Mapping[str, float]


@dataclass(frozen=True)
class Unit:
    """A module: its instance below npu_top, and what its windows count.

    `parameters`: by which its rows are told apart, on top of the machine's.

    `count(recording, format)`: operations by class in all cycles but the first. `clocked`: the
    cycles in which the clock gates of its registers are on, where those are others. `kinds`:
    windows that are replayed; `rows`: operations are counted in active rows, and priced for all.
    """

    module: str
    path: str
    parameters: Callable[[Build], Mapping[str, int]]
    kinds: tuple[str, ...]
    count: Callable[[Recording, str], Counts]
    formats: tuple[str, ...] = ("uniform8", "pwlq")
    rows: bool = False
    outside: str = ""
    """Instances that are left out: all, so that the module's own logic is left; or the memories."""
    clocked: Callable[[Recording, str], Counts] | None = None
    all_parameters: bool = False
    """Every parameter of the machine is one of the module."""


def total(r: Recording, *names: str) -> int:
    """Return in how many cycles but the first all the signals are not 0."""
    columns = [r.numbers(name)[1:] for name in names]
    return sum(all(values) for values in zip(*columns, strict=True))


def _rows(r: Recording, weight_format: str) -> Counts:
    active = zip(r.numbers("operand_active"), r.numbers("operand_valid"), strict=True)
    at_the_pes = list(active)[:-3]  # three cycles later
    return {weight_format: sum(a.bit_count() for a, valid in at_the_pes if valid)}


def _operand_cycles(r: Recording, weight_format: str) -> Counts:
    return {"run": total(r, "operand_valid")}


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


def _bits(r: Recording, *names: str) -> int:
    """Return how many bits of the signals are 1, all cycles but the first."""
    return sum(value.bit_count() for name in names for value in r.numbers(name)[1:])


def _words(r: Recording, weight_format: str) -> Counts:
    ports = "mx_act_read", "wgt_read", "ep_act_read", "write", "st_read", "ld_write"
    par_writes = sum(value >> 2 for value in r.numbers("ld_write")[1:])
    return {"word": _bits(r, *ports) - par_writes, "par": total(r, "par_read") + par_writes}


def _sums(r: Recording, weight_format: str) -> Counts:
    return {"word": _bits(r, "mx_acc_read", "acc_write", "acc_read", "ep_acc_write")}


def _lines(r: Recording, weight_format: str) -> Counts:
    return {"read": total(r, "line_read")}


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


def _acc(b: Build) -> Mapping[str, int]:
    return {"SIZE": b.size, "PWLQ_BITS": 7 * bool(b.pwlq_bits)}  # two more regions, of any width


def _rows_of(b: Build) -> Mapping[str, int]:
    return {"ROWS": b.size}


_UNIT = f"ex.array.lane[{RECORDED_LANE}].unit"
_EPILOGUE = f"ex.array.requantizer[{RECORDED_LANE}].unit"

COLUMN = Unit(
    "npu_pe_column",
    f"{_UNIT}.pe_column",
    _products,
    ("MAC",),
    _rows,
    MULTIPLIERS,
    rows=True,
    clocked=_operand_cycles,
)
WEIGHTS = Unit(
    "npu_weight_column", f"{_UNIT}.weight_column", _column, ("MAC",), _weights, ARRAY_FORMATS
)
ACCUMULATE = Unit(
    "npu_accumulate", f"{_UNIT}.region[0].gen_there.accumulate", _sum_bits, ("MAC",), _accumulate,
    MULTIPLIERS, clocked=_operand_cycles,
)  # fmt: skip
SIZED = (COLUMN, WEIGHTS, ACCUMULATE)
"""Made in several sizes and with several formats."""
ENGINES = (
    Unit("npu_mac_engine", "ex.mac_engine", _size, ("MAC", "RQ"), _run("mac_engine_busy")),
    Unit("npu_vector_engine", "ex.vector_engine", _plain, ("MAC", "RQ", "VEC"),
         _run("vector_engine_busy")),
    Unit("npu_operands_ex", "ex.operands", _sized, ("MAC", "RQ"), _none),
    Unit("npu_sequencer", "sequencer", _plain, ("LD", "RQ"), _dispatch),
    Unit("npu_fetch", "fetch", _bus, ("LD", "RQ"), _beats("fetch_beat")),
    Unit("npu_control", "control", _sized, ("LD", "RQ"), _none, all_parameters=True),
    Unit("npu_ld", "ld", _transfer, ("LD", "RQ"), _beats("ld_beat")),
    Unit("npu_st", "st", _transfer, ("ST", "RQ"), _beats("st_valid", "st_ready")),
)  # fmt: skip
"""One a machine."""
UNITS = (
    *SIZED,
    Unit("npu_subtract_zero_point", f"{_UNIT}.subtract_zero_point", _plain, ("MAC",), _operands),
    Unit("npu_merge_regions", f"{_EPILOGUE}.merge_regions", _plain, ("MAC", "RQ"), _merge),
    Unit(
        "npu_requantize",
        f"{_EPILOGUE}.requantize",
        lambda b: {"MAX_TERMS": 1},
        ("RQ", "VEC"),
        _requantize,
    ),
    Unit("npu_pool", f"{_UNIT}.pool", _plain, ("VEC",), _pool, ("uniform8", VECTOR)),
    Unit("npu_add", f"{_EPILOGUE}.add", _plain, ("VEC",), _add, ("uniform8", VECTOR)),
    Unit(
        "npu_lookup",
        f"ex.array.lookup[{RECORDED_LANE}].unit.lookup",
        _plain,
        ("VEC",),
        _lookup,
        (VECTOR,),
    ),
    *ENGINES,
)
EPILOGUE = Unit(
    "npu_epilogue", "ex.array.requantizer[0].unit",
    lambda b: {"LANES_PER_REQUANTIZER": b.lanes}, ("RQ", "VEC"), _epilogue,
    ("uniform8", "pwlq", VECTOR), outside=ALL,
)  # fmt: skip
SHARED = (
    EPILOGUE,
    Unit("npu_shared_lookup", "ex.array.lookup[0].unit", lambda b: {"LANES_PER_LOOKUP": b.lanes},
         ("VEC",), _lookup, (VECTOR,), outside=ALL),
)  # fmt: skip
"""What chooses between lanes, and keeps what they get: where several share a unit."""
LANE = Unit(
    "npu_lane", _UNIT, _column, ("MAC", "RQ", "VEC"), _lane, ("uniform8", "pwlq"), outside=ALL
)
ACCUMULATORS = Unit(
    "npu_accumulators", "ex.accumulators", _acc, ("MAC", "RQ"), _sums, outside=BANKS
)
OWN = (
    LANE,
    Unit("npu_array", "ex.array", _size, ("MAC", "RQ", "VEC"), _array, ("uniform8", VECTOR),
         outside=ALL),
    Unit("npu_rows", "ex.array.rows", _size, ("MAC",),
         _operands),
    Unit("npu_scratchpads", "scratchpads", _size, ("MAC", "RQ", "VEC", "LD", "ST"), _words,
         outside=BANKS),
    ACCUMULATORS,
)  # fmt: skip
"""Modules whose own logic holds the others together."""
LINES = Unit(
    "npu_lines", f"ex.array.lane[{RECORDED_LANE}].gen_lines.lines", _rows_of, ("MAC",), _lines,
    ("uniform8",), outside=ALL,
)  # fmt: skip
LEVELS = Unit("npu_registers", "", _levels, (), _none)
"""The registers of lut's levels, beside those of the sequencer; nothing is recorded of them."""
FORMED = tuple(u for u in UNITS if "PWLQ_BITS" in u.parameters(Build(4, 8, 1, 4)))
"""Built for the formats that a machine runs."""


def sources_of(unit: Unit) -> str:
    """Return the hash of the Verilog that a unit's netlists are made of."""
    files = rtl_files(unit.module)
    if unit.outside == ALL:
        return hash_of(path for path in files if path.stem == unit.module)
    return hash_of(path for path in files if path.stem != "npu_bank")  # a memory is no gates
