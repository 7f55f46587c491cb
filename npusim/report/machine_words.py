"""The sentences of a report: what limits the run, and whether its bytes are right."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from npusim.analysis.ex_activity import EX_PARTS
from npusim.report.machine_charts import EX_DESCRIPTIONS, energy_text
from npusim.report.roofline import bound_macs_per_cycle

ENGINES = {"machine": "on the simulated machine", "rtl": "on the machine's Verilog"}


def span(pointer: str, value: float, shown: str) -> str:
    """Return a number with its place in the JSON."""
    return f'<span data-json="{pointer}" data-value="{value!r}">{shown}</span>'


def lead(data: Mapping[str, Any]) -> str:
    """Return in two sentences where EX's time goes, and what bounds the layers."""
    totals = {part: sum(layer["ex_cycles"][part] for layer in data["layers"]) for part in EX_PARTS}
    cycles = max(data["cycles"], 1)
    work = 100 * totals["array"] / cycles
    waits = {part: totals[part] for part in ("weights", *EX_PARTS[2:])}
    most = max(waits, key=lambda part: waits[part])
    what = EX_DESCRIPTIONS[most].removeprefix("stall: ")
    sentence = (
        f"In <strong>{work:.1f} %</strong> of the cycles the array has operands; next comes "
        f"<strong>{what}</strong> with {100 * waits[most] / cycles:.1f} %."
    )
    layers = [layer for layer in data["layers"] if "macs_per_byte" in layer]
    peak = data["machine"]["peak_macs_per_cycle"]
    by_bus = sum(
        bound_macs_per_cycle(data["machine"], layer["macs_per_byte"]) < peak for layer in layers
    )
    return (
        f"{sentence} Of {len(layers)} layers with MACs, the bus bounds {by_bus} and the array "
        f"{len(layers) - by_bus}."
    )


def conformance_text(data: Mapping[str, Any]) -> str:
    """Return whether the outputs are the kernels engine's bytes, under which rule, and what else.

    What was not compared is said to be open, never right.
    """
    found = data["conformance"]
    engine = ENGINES[data["results"]["engine"]]
    parts = []
    if "compared_values" in found:
        differing, compared = found["differing_values"], found["compared_values"]
        badge = ("good", "conforms") if not differing else ("bad", "differs")
        parts.append(_badge(*badge))
        count = span("/conformance/compared_values", compared, f"{compared:,}")
        wrong = span("/conformance/differing_values", differing, f"{differing:,}")
        parts.append(
            f"All {count} output values of this run {engine} are the bytes of the kernels engine"
            if not differing
            else f"{wrong} of {count} output values of this run {engine} are not the bytes of the "
            "kernels engine"
        )
    else:
        parts.append(_badge("open", "not compared"))
        parts.append(f"The outputs were not compared: {escape(found['reason'])}")
    parts.append(f", rounding rule <strong>{escape(found['rule'])}</strong>.")
    if found.get("differing_from_asked") is not None:
        asked = found["differing_from_asked"]
        shown = span("/conformance/differing_from_asked", asked, f"{asked:,}")
        parts.append(
            f" {shown} output values differ from the rule asked for, which exists in floating "
            "point alone."
        )
    if found["host_operators"]:
        names = escape(", ".join(found["host_operators"]))
        parts.append(f" On the host, without cycles: {names}.")
    return "".join(parts)


def energy_model_text(data: Mapping[str, Any]) -> str:
    """Return which model priced the energy, and what the other one says where both are known."""
    results = data["results"]
    average = results.get("average_energy_pj")
    technology = f"Technology {escape(results['technology'])}. " if "technology" in results else ""
    if average is None:
        return technology
    total = average["total"]
    shown = span("/results/average_energy_pj/total", total, energy_text(total))
    return f"{technology}Priced by the bits that this data changes; on average data {shown}. "


def _badge(css: str, words: str) -> str:
    return f'<span class="badge {css}">{words}</span>'
