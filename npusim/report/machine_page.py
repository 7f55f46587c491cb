"""One self-contained page of a run on the machine: pictures, table, light and dark, no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from npusim.analysis.engine_activity import COMPUTE_PARTS, WAITS
from npusim.report.cost_words import WAIT_WORDS
from npusim.report.machine_charts import CHARTS, PHONE, WIDE, energy_text
from npusim.report.machine_words import conformance_words, lead_words
from npusim.report.pages import HERE, Cell, Row, render, saving_script
from npusim.report.terminal import for_samples
from npusim.report.timeline_charts import KIND_DESCRIPTIONS


class Tile(NamedTuple):
    """A number at the head of the page, what it is, and where it stands in the JSON."""

    shown: str
    words: str
    pointer: str = ""
    value: float = 0


def machine_page(data: Mapping[str, Any]) -> str:
    """Return the page of a report; `data` as machine_data returns it, and embedded whole."""
    engines = data["engines"].values()
    return render(
        "machine",
        title=title(data),
        data=data,
        results=data["results"],
        machine=data["machine"],
        tiles=_tiles(data),
        charts={
            name: {"wide": chart(data, WIDE), "phone": chart(data, PHONE)}
            for name, chart in CHARTS.items()
        },
        joined_below_cycles=max(engine["joined_below_cycles"] for engine in engines),
        kind_words=KIND_DESCRIPTIONS,
        script=(HERE / "machine_page.js").read_text(encoding="utf-8") + saving_script(),
        **layer_table(data),
        **host_table(data),
        **lead_words(data),
        **conformance_words(data),
    )


def title(data: Mapping[str, Any]) -> str:
    """Return what ran where."""
    return f"{data['results']['model']} on {data['machine']['name']}"


def _tiles(data: Mapping[str, Any]) -> list[Tile]:
    results, machine, cycles = data["results"], data["machine"], data["cycles"]
    macs, moved, each = results["macs"], results["dram_bytes"], for_samples(results["batch"])
    macs_per_cycle = macs / max(cycles, 1)
    peak = machine["peak_macs_per_cycle"]
    tiles = [
        Tile(f"{cycles:,}", f"cycles {each}", "/cycles", cycles),
        Tile(
            f"{1e3 * cycles / machine['frequency_hz']:.3g} ms",
            f"at {machine['frequency_hz'] / 1e6:g} MHz",
        ),
        *_host_tiles(results),
        Tile(
            f"{macs_per_cycle:.1f}",
            f"MACs a cycle, {100 * macs_per_cycle / peak:.1f} % of {peak:,}",
        ),
        Tile(f"{macs:,}", f"MACs {each}", "/results/macs", macs),
        Tile(f"{moved:,}", "DRAM bytes of LD and ST", "/results/dram_bytes", moved),
        *_dram_tiles(results),
    ]
    if "energy_pj" in results:
        total = results["energy_pj"]["total"]
        tiles.append(Tile(energy_text(total), each, "/results/energy_pj/total", total))
    if "area_um2" in results:
        area = results["area_um2"]
        words = f"area, {results['technology']}"
        tiles.append(Tile(f"{area / 1e6:.3g} mm²", words, "/results/area_um2", area))
    return tiles


def _dram_tiles(results: Mapping[str, Any]) -> list[Tile]:
    """Return the activations and refreshes of a DRAM of banks and rows."""
    if "dram_accesses" not in results:
        return []
    found = results["dram_accesses"]
    hits, accesses = found["hits"], found["reads"] + found["writes"]
    return [
        Tile(
            f"{100 * hits / max(accesses, 1):.1f} %", f"row hits of {accesses:,} DRAM accesses",
            "/results/dram_accesses/hits", hits,
        ),
        Tile(
            f"{found['refreshes']:,}", "DRAM refreshes", "/results/dram_accesses/refreshes",
            found["refreshes"],
        ),
    ]  # fmt: skip


def _host_tiles(results: Mapping[str, Any]) -> list[Tile]:
    """Return the host core's cycles and the time of both, where the host computes anything."""
    if not results["host_cycles"]:
        return []
    cycles, seconds = results["host_cycles"], results["seconds_with_host"]
    return [
        Tile(f"{cycles:,}", "cycles of the host core besides", "/results/host_cycles", cycles),
        Tile(f"{1e3 * seconds:.3g} ms", "machine and host", "/results/seconds_with_host", seconds),
    ]


def host_table(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `host_heads` and `host_rows` of the table of what the host core computes."""
    heads = ["on the host", "operator", "values", "MACs", "bytes", "host cycles", "energy"]
    body = []
    for i, row in enumerate(data["results"]["host_layers"]):
        keys = ("elements", "macs", "moved_bytes", "cycles")
        counts = [
            Cell(f"{row[key]:,}", f"/results/host_layers/{i}/{key}", row[key]) for key in keys
        ]
        pj = row["energy_pj"]
        energy = Cell(energy_text(pj), f"/results/host_layers/{i}/energy_pj", pj)
        body.append(Row([Cell(row["name"]), Cell(row["operator"]), *counts, energy]))
    return {"host_heads": heads, "host_rows": body}


def layer_table(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return `heads` and `rows` of the table of the layers that the machine executes."""
    rows = data["results"]["layers"]
    has_energy = any("energy_pj" in rows[layer["result"]] for layer in data["layers"])
    heads = ["layer", "operator", "MACs", "cycles", "array %", "work %",
             *(WAIT_WORDS[cause] for cause in WAITS), "DRAM bytes"]  # fmt: skip
    body = []
    for i, layer in enumerate(data["layers"]):
        row, pointer = rows[layer["result"]], f"/results/layers/{layer['result']}"

        def number(key: str, value: int, pointer: str = pointer) -> Cell:
            return Cell(f"{value:,}", f"{pointer}/{key}", value)

        used = f"{100 * row['utilization']:.1f}" if row["macs"] else ""
        parts = layer["compute_cycles"]
        working = sum(parts[name] for name in COMPUTE_PARTS[:4])
        cells = [
            Cell(layer["name"]),
            Cell(layer["operator"]),
            number("macs", row["macs"]),
            number("cycles", row["cycles"]),
            Cell(used, f"{pointer}/utilization", row["utilization"]),
            Cell(f"{100 * working / max(sum(parts.values()), 1):.1f}"),
            *(number(f"stall_cycles/{cause}", row["stall_cycles"][cause]) for cause in WAITS),
            number("dram_bytes", row["dram_bytes"]),
        ]
        if has_energy:
            total = row["energy_pj"]["total"]
            cells.append(Cell(energy_text(total), f"{pointer}/energy_pj/total", total))
        body.append(Row(cells, layer=i))
    return {"heads": heads + (["energy"] if has_energy else []), "rows": body}
