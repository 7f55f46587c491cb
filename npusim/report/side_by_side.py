"""Several results of `--json` beside each other: what one sample costs in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from npusim.report.sheet import Column, Sheet

Results = Mapping[str, Any]

TOTALS: tuple[tuple[str, Callable[[Results], float | None], Callable[[float], str]], ...] = (
    ("cycles", lambda r: r.get("cycles") or None, lambda v: f"{v:,}"),
    ("host cycles", lambda r: r.get("host_cycles") or None, lambda v: f"{v:,}"),
    ("ms, host included", lambda r: _in_ms(r.get("seconds_with_host")), lambda v: f"{v:.4g}"),
    ("ms of a sample", lambda r: _wall_ms(r), lambda v: f"{v:.4g}"),
    ("MACs", lambda r: r.get("macs"), lambda v: f"{v:,}"),
    ("array used, %", lambda r: _percent(r.get("utilization")), lambda v: f"{v:.1f}"),
    ("DRAM bytes", lambda r: r.get("dram_bytes"), lambda v: f"{v:,}"),
    ("energy, uJ", lambda r: _in_uj(r.get("energy_pj")), lambda v: f"{v:,.3f}"),
    ("host energy, uJ", lambda r: _picojoules(r.get("host_energy_pj")), lambda v: f"{v:,.3f}"),
    ("area, mm2", lambda r: _in_mm2(r.get("area_um2")), lambda v: f"{v:.3f}"),
    ("top-1 correct", lambda r: r.get("top1_correct"), lambda v: f"{v:,}"),
)  # fmt: skip
"""A total's title, where it is found (None: not known, or nothing to do), and how it is shown."""


def totals_sheet(labels: Sequence[str], results: Sequence[Results]) -> Sheet:
    """Return a row for each total that any of `results` knows; of two, their quotient too."""
    sheet = Sheet([Column("one sample", is_name=True), *_columns(labels)])
    for title, find, show in TOTALS:
        values = [find(result) for result in results]
        if any(value is not None for value in values):
            cells = ["" if value is None else show(value) for value in values]
            sheet.add(title, *cells, *_quotient(values))
    return sheet


def layers_sheet(labels: Sequence[str], results: Sequence[Results], key: str = "cycles") -> Sheet:
    """Return `key` of each layer by its name; one that a result lacks has an empty cell."""
    found = [{row["name"]: row[key] for row in result["layers"] if key in row}
             for result in results]  # fmt: skip
    names = list(dict.fromkeys(name for layers in found for name in layers))
    sheet = Sheet([Column(f"{key} of", is_name=True), *_columns(labels)])
    for name in names:
        values = [layers.get(name) for layers in found]
        cells = ["" if value is None else f"{value:,}" for value in values]
        sheet.add(name, *cells, *_quotient(values))
    return sheet


def _columns(labels: Sequence[str]) -> list[Column]:
    quotient = [Column("second / first")] if len(labels) == 2 else []
    return [*(Column(label) for label in labels), *quotient]


def _quotient(values: Sequence[float | None]) -> list[str]:
    if len(values) != 2:
        return []
    first, second = values
    return [f"{second / first:.3f}" if first and second is not None else ""]


def _in_ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds


def _wall_ms(results: Results) -> float | None:
    """Return the host's milliseconds a sample of a run without a machine."""
    if "cycles" in results or "seconds" not in results:
        return None
    return 1e3 * float(results["seconds"]) / int(results["samples"])


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _in_uj(energy_pj: Mapping[str, float] | None) -> float | None:
    return None if energy_pj is None else _picojoules(energy_pj["total"])


def _picojoules(energy_pj: float | None) -> float | None:
    return energy_pj / 1e6 if energy_pj else None


def _in_mm2(area_um2: float | None) -> float | None:
    return None if area_um2 is None else area_um2 / 1e6
