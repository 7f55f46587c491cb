"""The table of what bounds each layer, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from npusim.analysis.bounds import PARTS, LayerBounds, NetworkBounds
from npusim.report.sheet import Column, Sheet

RANKS = {
    "array": 1, "weights": 3, "requantize": 2, "vector": 3, "configure": 5, "reads": 2,
    "writes": 4, "waits": 1,
}  # fmt: skip
"""Which columns give way first on a narrow terminal: the highest."""


def bounds_sheet(found: NetworkBounds) -> Sheet:
    """Return one row a layer: its cycles, the least, what takes the most, and all parts."""
    sheet = Sheet(
        (
            Column("layer", is_name=True, footer="total"),
            Column("operator", 6, is_text=True),
            Column("cycles", footer=f"{found.cycles:,}"),
            Column("least"),
            Column("times"),
            Column("most taken by", is_text=True),
            *(
                Column(words, RANKS[part], footer=f"{_total(found, part):,}")
                for part, words in PARTS.items()
            ),
        )
    )
    for layer in found.layers:
        sheet.add(
            layer.name, layer.operator, f"{layer.cycles:,}", f"{layer.least_cycles:,}",
            _times(layer), PARTS[layer.bound],
            *(f"{layer.part_cycles[part]:,}" for part in PARTS),
        )  # fmt: skip
    return sheet


def bounds_lines(model: str, found: NetworkBounds) -> Iterator[str]:
    """Yield what holds for the whole network."""
    yield (
        f"\n{model} on {found.machine}: {found.cycles:,} cycles, "
        f"{found.cycles / max(found.least_cycles, 1):.2f} times the least that any program takes: "
        f"{found.least_array_cycles:,} for the multiplications with the array full, "
        f"{found.least_bus_cycles:,} for constants, inputs and outputs on the bus"
    )
    yield (
        f"{found.dram_bytes:,} bytes of DRAM, "
        f"{found.dram_bytes / max(found.compulsory_bytes, 1):.1f} times the "
        f"{found.compulsory_bytes:,} of constants, inputs and outputs; "
        f"the program's {found.program_bytes:,} are fetched beside them"
    )


def _times(layer: LayerBounds) -> str:
    return f"{layer.cycles / layer.least_cycles:.2f}" if layer.least_cycles else ""


def _total(found: NetworkBounds, part: str) -> int:
    return sum(layer.part_cycles[part] for layer in found.layers)
