"""The pictures of a run on the machine: cycles and energy of each layer, and the roofline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from npusim.report.bars import CYCLES, PICOJOULES, Bar, scale_of, stacked_bars
from npusim.report.cost_words import ENERGY_WORDS, PART_WORDS
from npusim.report.roofline import roofline
from npusim.report.timeline_charts import activity_chart, occupancy_chart

WIDE, PHONE = 1040, 360
Chart = Callable[[Mapping[str, Any], int], str]


def cycles_chart(data: Mapping[str, Any], width: int) -> str:
    """Return the cycles of each layer by what MX, or else EP, did or waited for."""
    bars = []
    for i, layer in enumerate(data["layers"]):
        row = data["results"]["layers"][layer["result"]]
        parts = layer["compute_cycles"]
        share = f"{100 * row['utilization']:.1f} %" if row["macs"] else "no MACs"
        remark = f"{row['cycles']:,} · {share}"
        bars.append(Bar(layer["name"], parts, f"/layers/{i}/compute_cycles", remark))
    return stacked_bars(
        bars, PART_WORDS, "cycles of each layer", CYCLES, "cycles · array used", width
    )


def energy_chart(data: Mapping[str, Any], width: int) -> str:
    """Return each layer's energy by component; nothing where the results hold no energy."""
    bars, rows = [], data["results"]["layers"]
    for layer in data["layers"]:
        energy = rows[layer["result"]].get("energy_pj")
        if energy is not None:
            parts = {name: value for name, value in energy.items() if name != "total"}
            total = sum(parts.values())
            pointer = f"/results/layers/{layer['result']}/energy_pj"
            bars.append(Bar(layer["name"], parts, pointer, energy_text(total)))
    if not bars:
        return ""
    return stacked_bars(bars, ENERGY_WORDS, "energy of each layer", PICOJOULES, "energy", width)


def energy_text(picojoules: float) -> str:
    """Return an energy with the unit that suits it."""
    divisor, unit = scale_of(picojoules, PICOJOULES)
    return f"{picojoules / divisor:.3g} {unit}"


CHARTS: Mapping[str, Chart] = {
    "cycles": cycles_chart,
    "energy": energy_chart,
    "roofline": roofline,
    "timeline": activity_chart,
    "scratchpads": occupancy_chart,
}
"""Every picture by the name of its file; one that has nothing to show is empty."""
