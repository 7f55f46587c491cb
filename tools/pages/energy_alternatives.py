"""What sums in registers or narrower words would save of ACC: first order, from counted events.

A machine that adds up BAND_TILES reduction tiles in registers before it writes ACC keeps as many
results there as the array has rows, because the next weight tile takes that many cycles to load.
Each weight tile is then loaded once for so many results, and not once for all of a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from npusim.codes import REGIONS
from npusim.cost.area import area_um2
from npusim.cost.energy import priced, sum_of, with_total
from npusim.cost.memories import memories
from npusim.cost.prices import prices_of
from npusim.cost.table import Table
from npusim.machines import Machine
from tools.markdown import header, row

BAND_TILES = 4
SUM_BITS, NARROW_BITS = 32, 24
WEIGHTS = ("wgt_reads", "weight_decodes", "weight_swaps")
"""Events of bringing a weight tile to the array."""


class Layer(NamedTuple):
    """Cycles and events of a layer."""

    cycles: int
    counts: dict[str, int]


@dataclass(frozen=True)
class Saved:
    """Energy in pJ: all, of ACC's memory, and what changes with sums in registers."""

    total: float
    acc: float
    fewer_accesses: float
    more_weights: float
    registers: float
    gated_registers: float


def register_bit(table: Table) -> tuple[float, float]:
    """Return the area of a register's bit in um2, and its clock's energy in pJ a cycle."""
    (found,) = (r for r in table.rows if r.module == "npu_registers")
    bits = 32 * found.parameters["COUNT"]
    return found.area_um2 / bits, found.value("idle") / bits


def saved(layers: Sequence[Layer], machine: Machine, table: Table) -> Saved:
    """Return what BAND_TILES tiles summed in registers would change on `machine`."""
    prices = prices_of(machine, table)
    acc = next(pad.bank for pad in memories(machine, table.technology) if pad.name == "acc")
    _, bit_pj = register_bit(table)
    word_bits = SUM_BITS * machine.size * machine.acc_regions
    total = sum_of(with_total(priced(prices, one.counts, one.cycles)) for one in layers)["total"]
    now = fewer = weights = gated = 0.0
    for layer in layers:
        reads, writes = layer.counts["acc_reads"], layer.counts["acc_writes"]
        now += reads * acc.read_pj + writes * acc.write_pj
        regions = REGIONS if layer.counts["macs_pwlq"] else 1
        sums = layer.counts["requantizations"] // machine.size * regions  # that are complete
        if not sums or not layer.counts["array_cycles"]:
            continue
        visits = sums * -(-writes // sums // BAND_TILES)
        fewer += max(writes - visits, 0) * (acc.read_pj + acc.write_pj)
        tiles = layer.counts["weight_swaps"] / machine.size
        bands = max(layer.counts["array_cycles"] / tiles / machine.rows, 1)
        weights += (bands - 1) * sum(
            layer.counts[event] * sum(prices.events[event].values()) for event in WEIGHTS
        )
        gated += layer.counts["accumulations"] * SUM_BITS * bit_pj
    held = machine.rows * word_bits * bit_pj * sum(layer.cycles for layer in layers)
    return Saved(total, now, fewer, weights, held, gated)


def alternatives(found: Mapping[str, tuple[Sequence[Layer], Machine]], table: Table) -> list[str]:
    """Return a row for each network of `found`: its layers and the machine that they run on."""
    lines = header(
        "network", "machine", "ACC, of all energy",
        f"{BAND_TILES} tiles in registers: ACC", "weights loaded again", "registers",
        "all, clock gated", "all, not gated", "area of the registers",
        f"ACC of {NARROW_BITS} bits, at most",
    )  # fmt: skip
    bit_um2, _ = register_bit(table)
    for name, (layers, machine) in found.items():
        s = saved(layers, machine, table)
        bits = machine.rows * SUM_BITS * machine.size * machine.acc_regions
        area = bits * bit_um2 / area_um2(machine, table.technology)["total"]
        narrower = s.acc * (SUM_BITS - NARROW_BITS) / SUM_BITS
        changes = (
            -s.fewer_accesses, s.more_weights, s.gated_registers,
            s.gated_registers + s.more_weights - s.fewer_accesses,
            s.registers + s.more_weights - s.fewer_accesses,
        )  # fmt: skip
        lines.append(row(
            name, machine.name, f"{100 * s.acc / s.total:.1f} %",
            *(f"{100 * change / s.total:+.1f} %" for change in changes), f"{100 * area:+.0f} %",
            f"{-100 * narrower / s.total:+.1f} %",
        ))  # fmt: skip
    return lines
