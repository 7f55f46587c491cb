"""The layer table of a run on the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console

from npusim.analysis.absorbed import Absorbed
from npusim.analysis.engine_activity import WAITS
from npusim.analysis.layer_cycles import LayerCycles
from npusim.codes import ARRAY_FORMATS
from npusim.cost.area import area_um2
from npusim.cost.host import HostCost
from npusim.isa.program import Program
from npusim.report.cost_words import ENERGY_WORDS, LOSS_MEANINGS, LOSS_WORDS, WAIT_WORDS
from npusim.report.sheet import Column, Sheet
from npusim.report.terminal import for_samples

LOSS = "most lost to"
"""The column of a layer's greatest loss, and of who computes what has no cycles of its own."""


class ProgramTimes(Protocol):
    """What `time_line` asks of a program's cost."""

    @property
    def program(self) -> Program:
        """What was compiled."""

    @property
    def cycles(self) -> int:
        """Cycles of the machine."""

    @property
    def host_cycles(self) -> int:
        """Cycles of the host."""

    @property
    def seconds(self) -> float:
        """Seconds of both."""


def machine_sheet(layers: Sequence[LayerCycles], absorbed: Sequence[Absorbed] = ()) -> Sheet:
    """Return one row per layer: cycles, utilization, waits by cause, DRAM bytes, energy.

    A layer's greatest loss (`greatest_loss`) stands behind its utilization. What other layers
    compute on the way has a row behind them that says so.
    """
    moved = sum(layer.dram_bytes for layer in layers)
    energy_pj = sum(layer.energy_pj["total"] for layer in layers)
    sheet = Sheet(
        (
            Column("layer", is_name=True, footer="total"),
            Column("operator", 2, is_text=True),
            Column("MACs", 3, footer=f"{sum(layer.macs for layer in layers):,}"),
            Column("cycles", footer=f"{sum(layer.cycles for layer in layers):,}"),
            Column("array %"),
            Column(LOSS, 1, is_text=True),
            *(
                Column(
                    WAIT_WORDS[cause], 4,
                    footer=f"{sum(layer.stall_cycles[cause] for layer in layers):,}",
                )
                for cause in WAITS
            ),
            Column("DRAM bytes", 1, footer=f"{moved:,}"),
            Column("energy, uJ", footer=f"{energy_pj / 1e6:,.3f}"),
        )
    )  # fmt: skip
    inside: dict[str, list[Absorbed]] = {}
    for one in absorbed:
        inside.setdefault(one.layer, []).append(one)
    for layer in layers:
        sheet.add(
            layer.name,
            layer.operator,
            f"{layer.macs:,}" if layer.macs else "",
            f"{layer.cycles:,}",
            f"{100 * layer.utilization:.1f}" if layer.macs else "",
            _loss_text(layer),
            *(f"{layer.stall_cycles[cause]:,}" for cause in WAITS),
            f"{layer.dram_bytes:,}",
            f"{layer.energy_pj['total'] / 1e6:,.3f}",
        )
        for one in inside.pop(layer.name, ()):
            sheet.add(one.name, one.operator, "", "", "", one.words, *("" for _ in WAITS), "", "")
    for one in (one for rest in inside.values() for one in rest):
        sheet.add(one.name, one.operator, "", "", "", one.words, *("" for _ in WAITS), "", "")
    return sheet


def host_sheet(rows: Sequence[HostCost]) -> Sheet:
    """Return one row per node of the host core: its work, its cycles, its energy."""
    energy_pj = sum(row.energy_pj for row in rows)
    sheet = Sheet(
        (
            Column("on the host", is_name=True, footer="total"),
            Column("operator", 1, is_text=True),
            Column("values", 2, footer=f"{sum(row.elements for row in rows):,}"),
            Column("MACs", 3, footer=f"{sum(row.macs for row in rows):,}"),
            Column("bytes", 2, footer=f"{sum(row.moved_bytes for row in rows):,}"),
            Column("host cycles", footer=f"{sum(row.cycles for row in rows):,}"),
            Column("energy, uJ", footer=f"{energy_pj / 1e6:,.3f}"),
        )
    )
    for row in rows:
        sheet.add(
            row.name, row.operator, f"{row.elements:,}", f"{row.macs:,}" if row.macs else "",
            f"{row.moved_bytes:,}", f"{row.cycles:,}", f"{row.energy_pj / 1e6:,.3f}",
        )  # fmt: skip
    return sheet


def time_line(cost: ProgramTimes) -> str:
    """Return a sample's cycles and milliseconds, the host's beside the machine's."""
    machine = cost.program.machine
    clock, host = machine.clock.frequency_hz, machine.host.frequency_hz
    parts = []
    if cost.cycles:
        at = f"at {clock / 1e6:g} MHz"
        parts.append(f"{cost.cycles:,} cycles ({1e3 * cost.cycles / clock:.3f} ms {at})")
    if cost.host_cycles:
        at = f"at {host / 1e6:g} MHz"
        ms = 1e3 * cost.host_cycles / host
        parts.append(f"{cost.host_cycles:,} cycles of the host ({ms:.3f} ms {at})")
    whole = f", {1e3 * cost.seconds:.3f} ms in all" if len(parts) > 1 else ""
    return " and ".join(parts) + whole if parts else "nothing to compute"


def greatest_loss(row: LayerCycles) -> tuple[str, float]:
    """Return the place in LOSS_WORDS that takes most of a layer's cycles, and how many."""
    full = row.utilization * row.cycles
    lost = row.busy_cycles | row.stall_cycles | {"empty rows": row.busy_cycles["array"] - full}
    name = max((loss for loss in LOSS_WORDS if loss != "array"), key=lambda loss: lost[loss])
    return name, lost[name]


def _loss_text(row: LayerCycles) -> str:
    if not row.macs:
        return ""
    name, lost = greatest_loss(row)
    return f"{LOSS_WORDS[name]} {100 * lost / max(row.cycles, 1):.0f} %"


def print_cost_tables(
    console: Console,
    layers: Sequence[LayerCycles],
    host: Sequence[HostCost],
    absorbed: Sequence[Absorbed] = (),
) -> None:
    """Print the table of the machine's layers and that of the host's nodes, where there are any."""
    if layers:
        is_left_out = LOSS in machine_sheet(layers, absorbed).show(console)
        if is_left_out and absorbed:
            console.print("; ".join(f"{one.name}: {one.words}" for one in absorbed))
        if not is_left_out and (legend := loss_legend(layers)):
            console.print(f"\n{legend}")
    if host:
        console.print()
        host_sheet(host).show(console)


def loss_legend(layers: Sequence[LayerCycles]) -> str:
    """Return what those of the losses in the table mean whose names do not say it."""
    named = {greatest_loss(layer)[0] for layer in layers if layer.macs}
    return "; ".join(
        f"{LOSS_WORDS[name]}: {meaning}" for name, meaning in LOSS_MEANINGS.items() if name in named
    )


MOST_PARTS = 5
PRODUCTS = tuple(f"array_{name}" for name in ARRAY_FORMATS)


def dram_line(accesses: Mapping[str, int]) -> str:
    """Return what the accesses to a DRAM of banks and rows met; nothing for another memory."""
    if not accesses:
        return ""
    total = accesses["reads"] + accesses["writes"]
    return (
        f"DRAM: {total:,} accesses, {100 * accesses['hits'] / max(total, 1):.1f} % row hits, "
        f"{accesses['misses']:,} misses, {accesses['conflicts']:,} conflicts, "
        f"{accesses['refreshes']:,} refreshes"
    )


def energy_line(energy_pj: Mapping[str, float], program: Program, host_pj: float = 0.0) -> str:
    """Return the energy with its largest components, the host's, and the machine's area."""
    machine = program.machine
    technology = machine.energy.technology
    area = area_um2(machine, technology)["total"]
    total = energy_pj["total"]
    parts = sorted(((pj, name) for name, pj in energy_pj.items() if name != "total"), reverse=True)
    listed = ", ".join(
        f"{ENERGY_WORDS[name]} {100 * pj / total:.0f} %" for pj, name in parts[:MOST_PARTS] if total
    )
    shares = f" ({listed})" if listed else ""
    of_machine = [f"{total / 1e6:,.3f} uJ {for_samples(program.samples)}{shares}"] if total else []
    of_host = [f"{host_pj / 1e6:,.3f} uJ of the host"] if host_pj else []
    spent = ", ".join([*of_machine, *of_host]) or "no energy"
    return f"{spent} and {area / 1e6:.3f} mm2 in {technology}; docs/energy.md says what that means"


def average_line(energy_pj: Mapping[str, float], average_pj: Mapping[str, float]) -> str:
    """Return how far the average model is from the energy of the data that ran."""
    found, average = (
        sum(pj for name, pj in energy.items() if name in PRODUCTS)
        for energy in (energy_pj, average_pj)
    )
    products = 100 * (average / found - 1) if found else 0.0
    whole = 100 * (average_pj["total"] / energy_pj["total"] - 1)
    return (
        f"that is this data; the average model says {average_pj['total'] / 1e6:,.3f} uJ: "
        f"{products:+.1f} % for the array's products, {whole:+.1f} % in all"
    )
