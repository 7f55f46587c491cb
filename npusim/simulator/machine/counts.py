"""How often each part of the machine did its work: what energy and traffic are made from.

Counts are columns, one value for each instruction, so that a layer's are sums over its range. Like
cycles they depend on no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from npusim.isa.access import VEC_LEVELS
from npusim.isa.spec import INSTRUCTION_BYTES, PAR_HEADER_WORDS, TARGETS, VEC_OPS
from npusim.simulator.machine.columns import Column, Group
from npusim.simulator.machine.durations import mac_reads
from npusim.simulator.machine.moves import moves_of
from npusim.simulator.machine.reach import depthwise_columns, mac_tiles
from npusim.simulator.machine.timeline import Timeline
from npusim.simulator.machine.walk import BLOCKS, BOTTOM, COLUMNS, ELEMENT, LEFT, RIGHT, ROWS, TOP
from npusim.words import WEIGHT_FORMATS

MACS = ("macs_uniform8", "macs_uniform4", "macs_subset", "macs_pwlq")
VECTOR = tuple(f"vector_{name}" for name in VEC_OPS)
WORDS = (
    "act_reads", "act_writes", "wgt_reads", "wgt_writes", "par_reads", "par_writes",
    "acc_reads", "acc_writes",
)  # fmt: skip
NAMES = (
    "fetch_bytes", "dram_read_bytes", "dram_write_bytes", *MACS, "array_cycles", "weight_decodes",
    "weight_swaps", "accumulations", *WORDS, "requantizations", "requantize_terms", "merges",
    *VECTOR,
)  # fmt: skip
"""What is counted:

macs_<format>       products of a weight and an operand in active rows, in all columns; uniform4:
                    weights of up to 4 bits
array_cycles        cycles in which operands stand at the array (SIZE * SIZE products each)
weight_decodes      codes decoded into a lane's shadow register; weight_swaps: lanes whose shadow
                    register became the active one
accumulations       sums of a column added to an accumulator of one lane and region
<pad>_reads, writes words; of ACC, words of one region (SIZE int32)
requantizations     results of one lane; requantize_terms: products of a multiplier in them
merges              terms of one lane that pwlq's A1 and S are merged into
vector_<op>         taps of one lane
"""


@dataclass(frozen=True, eq=False)
class Counts:
    """Event counts by name, int64 [instructions]."""

    columns: Mapping[str, Column]

    def total(self, first: int = 0, count: int | None = None) -> dict[str, int]:
        """Return the sums over instructions first .. first + count - 1 (None: to the end)."""
        end = None if count is None else first + count
        return {name: int(column[first:end].sum()) for name, column in self.columns.items()}


def event_counts(timeline: Timeline) -> Counts:
    """Return the counts of the instructions that retired in `timeline`."""
    columns, machine = timeline.columns, timeline.machine
    result = {name: np.zeros(columns.count, np.int64) for name in NAMES}
    done = timeline.retire >= 0
    result["fetch_bytes"][timeline.dispatch >= 0] = INSTRUCTION_BYTES
    _transfers(timeline, result)
    for name, count in (("MAC", _mac), ("RQ", _rq), ("VEC", _vec)):
        group = columns.groups[name]
        for key, column in count(group, machine.size).items():
            result[key][group.pcs] = column
    for key in NAMES[1:]:
        result[key] *= done
    return Counts(result)


def _transfers(timeline: Timeline, result: dict[str, Column]) -> None:
    columns, machine = timeline.columns, timeline.machine
    moves, place = moves_of(columns, machine, ())
    bus = machine.bus.bus_bytes
    elements = moves[:, BLOCKS] * moves[:, ROWS] * moves[:, COLUMNS]
    height = moves[:, TOP] + moves[:, ROWS] + moves[:, BOTTOM]
    words = moves[:, BLOCKS] * height * (moves[:, LEFT] + moves[:, COLUMNS] + moves[:, RIGHT])
    loads, stores = columns.groups["LD"], columns.groups["ST"]
    rows = place[loads.pcs]
    result["dram_read_bytes"][loads.pcs] = elements[rows] * moves[rows, ELEMENT] * bus
    for code, target in enumerate(TARGETS):
        mine = loads["target"] == code
        result[f"{target.lower()}_writes"][loads.pcs[mine]] = words[rows[mine]]
    rows = place[stores.pcs]
    result["dram_write_bytes"][stores.pcs] = elements[rows] * moves[rows, ELEMENT] * bus
    result["act_reads"][stores.pcs] = elements[rows]


def active_rows(group: Group) -> Column:
    """Return the active rows of each MAC, summed over its weight tiles of one ob, kh, kw."""
    tile, blocks = group.registers["mac_tile"], group.registers["mac_cb"]["count"]
    rows = tile["rows"]
    first, end = np.minimum(tile["row_first"], rows), np.minimum(tile["row_end"], rows)
    several = rows - first + end + (blocks - 2) * rows
    return np.where(blocks > 1, several, np.maximum(0, end - first))


def _mac(group: Group, size: int) -> dict[str, Column]:
    registers = group.registers
    tiles, reads = mac_tiles(group), mac_reads(group)
    form = registers["mac_format"]
    bits = form["bits"]
    runs = {name: form["format"] == place for place, name in enumerate(WEIGHT_FORMATS)}
    is_pwlq = runs["pwlq"]
    kinds = (runs["uniform"] & (bits > 4), runs["uniform"] & (bits <= 4), runs["subset"], is_pwlq)
    rows = registers["mac_tile"]["rows"]
    others = tiles // np.maximum(1, registers["mac_cb"]["count"])
    products = active_rows(group) * others * reads * size
    results = depthwise_columns(group) * registers["mac_y"]["count"]
    regions = np.where(is_pwlq, 3, 1)
    first = registers["mac_ob"]["count"] * (group["accumulate"] == 0)  # passes that overwrite
    counts = {name: products * kind for name, kind in zip(MACS, kinds, strict=True)}
    return counts | {
        "array_cycles": tiles * reads,
        "weight_decodes": tiles * rows * size,
        "weight_swaps": tiles * size,
        "accumulations": tiles * results * regions * size,
        "act_reads": tiles * reads,
        "wgt_reads": tiles * -(-rows * (bits + is_pwlq) // 8),
        "acc_writes": tiles * results * regions,
        "acc_reads": (tiles - first) * results * regions,
    }


def _rq(group: Group, size: int) -> dict[str, Column]:
    registers = group.registers
    blocks, terms = registers["vec_b"]["count"], registers["vec_kx"]["count"]
    words = blocks * registers["vec_y"]["count"] * registers["vec_x"]["count"]
    from_act = sum((group["act_terms"] >> j & 1) * (j < terms) for j in range(4))
    from_acc = terms - from_act
    merged = (group["pwlq"] == 1) & (group["act_terms"] & 1 == 0)  # term 0 reads A1 and S
    return {
        "par_reads": blocks * (PAR_HEADER_WORDS + terms),
        "act_reads": words * from_act,
        "acc_reads": words * (from_acc + merged),
        "act_writes": words,
        "requantizations": words * size,
        "requantize_terms": words * size * terms,
        "merges": words * size * merged,
    }


def _vec(group: Group, size: int) -> dict[str, Column]:
    registers, op = group.registers, group["op"]
    words = np.ones_like(group.pcs)
    for level in VEC_LEVELS[:3]:
        words = words * registers[level]["count"]
    taps = words * registers["vec_ky"]["count"] * registers["vec_kx"]["count"]
    is_sum, is_table = op == VEC_OPS.index("sum"), op == VEC_OPS.index("table")
    counts = {name: np.where(op == code, taps * size, 0) for code, name in enumerate(VECTOR)}
    return counts | {
        "act_reads": taps,
        "acc_writes": words * is_sum,
        "acc_reads": words * is_sum * group["accumulate"],
        "act_writes": words * ~is_sum * ~is_table,
        "requantizations": np.where(op == VEC_OPS.index("add"), words * size, 0),
        "requantize_terms": np.where(op == VEC_OPS.index("add"), words * size, 0),
    }
