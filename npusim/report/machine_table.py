"""The layer table of a run on the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from npusim.analysis.layer_cycles import LayerCycles
from npusim.codes import ARRAY_FORMATS
from npusim.cost.area import area_um2
from npusim.machines import Machine
from npusim.simulator.machine.timeline import CAUSES


def machine_table(layers: Sequence[LayerCycles]) -> Table:
    """Return one row per layer: cycles, utilization, stalls of EX by cause, DRAM bytes, energy.

    A layer's greatest loss (`greatest_loss`) stands behind its utilization.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", footer_style="bold")
    table.add_column("layer", "total", overflow="fold", max_width=36)
    table.add_column("operator")
    for title, total in (
        ("MACs", sum(layer.macs for layer in layers)),
        ("cycles", sum(layer.cycles for layer in layers)),
    ):
        table.add_column(title, f"{total:,}", justify="right")
    table.add_column("array %", justify="right")
    table.add_column("most lost to")
    for cause in CAUSES:
        total = sum(layer.stall_cycles[cause] for layer in layers)
        table.add_column(f"stall {cause}", f"{total:,}", justify="right")
    moved = sum(layer.dram_bytes for layer in layers)
    table.add_column("DRAM bytes", f"{moved:,}", justify="right")
    energy_pj = sum(layer.energy_pj["total"] for layer in layers)
    table.add_column("energy, uJ", f"{energy_pj / 1e6:,.3f}", justify="right")
    table.show_footer = True
    for layer in layers:
        table.add_row(
            layer.name,
            layer.operator,
            f"{layer.macs:,}" if layer.macs else "",
            f"{layer.cycles:,}",
            f"{100 * layer.utilization:.1f}" if layer.macs else "",
            _loss_text(layer),
            *(f"{layer.stall_cycles[cause]:,}" for cause in CAUSES),
            f"{layer.dram_bytes:,}",
            f"{layer.energy_pj['total'] / 1e6:,.3f}",
        )
    return table


LOSSES = {
    "empty rows": "rows and columns without a channel or tap",
    "weights": "weights whose loading no multiplication hides, pipeline",
    "requantize": "EX requantizes",
    "vector": "EX pools, adds, looks up",
    "configure": "EX writes registers",
    "fetch": "EX has no instruction",
    "prev": "EX waits for LD",
    "next": "EX waits for ST",
}
"""What keeps the array from a product in every element and cycle."""


def greatest_loss(row: LayerCycles) -> tuple[str, float]:
    """Return the place in LOSSES that takes most of a layer's cycles, and how many."""
    full = row.utilization * row.cycles
    lost = row.busy_cycles | row.stall_cycles | {"empty rows": row.busy_cycles["array"] - full}
    name = max(LOSSES, key=lambda loss: lost[loss])
    return name, lost[name]


def _loss_text(row: LayerCycles) -> str:
    if not row.macs:
        return ""
    name, lost = greatest_loss(row)
    return f"{name} {100 * lost / max(row.cycles, 1):.0f} %"


def loss_legend(layers: Sequence[LayerCycles]) -> str:
    """Return what the losses named in the table mean."""
    named = {greatest_loss(layer)[0] for layer in layers if layer.macs}
    return "; ".join(f"{name}: {meaning}" for name, meaning in LOSSES.items() if name in named)


MOST_PARTS = 5
PRODUCTS = tuple(f"array_{name}" for name in ARRAY_FORMATS)


def energy_line(energy_pj: Mapping[str, float], machine: Machine) -> str:
    """Return a sample's energy with its largest components, and the machine's area."""
    technology = machine.energy.technology
    area = area_um2(machine, technology)["total"]
    total = energy_pj["total"]
    parts = sorted(((pj, name) for name, pj in energy_pj.items() if name != "total"), reverse=True)
    shares = ", ".join(f"{name} {100 * pj / total:.0f} %" for pj, name in parts[:MOST_PARTS])
    return (
        f"{total / 1e6:,.3f} uJ a sample ({shares}) and {area / 1e6:.3f} mm2 in {technology}; "
        "docs/energy.md says what that means"
    )


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
