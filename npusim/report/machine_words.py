"""What the sentences of a report say: what limits the run, and whether its bytes are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npusim.analysis.engine_activity import COMPUTE_PARTS
from npusim.report.cost_words import PART_WORDS
from npusim.report.pages import render
from npusim.report.roofline import bound_macs_per_cycle

ENGINES = {"machine": "on the simulated machine", "rtl": "on the machine's Verilog"}


def lead_words(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what lead.html says: where the time goes, and what bounds the layers."""
    totals = {
        part: sum(layer["compute_cycles"][part] for layer in data["layers"])
        for part in COMPUTE_PARTS
    }
    cycles = max(data["cycles"], 1)
    waits = {part: totals[part] for part in ("weights", *COMPUTE_PARTS[2:])}
    most = max(waits, key=lambda part: waits[part])
    layers = [layer for layer in data["layers"] if "macs_per_byte" in layer]
    peak = data["machine"]["peak_macs_per_cycle"]
    return {
        "work_percent": 100 * totals["array"] / cycles,
        "loss": PART_WORDS[most],
        "loss_percent": 100 * waits[most] / cycles,
        "layers": len(layers),
        "by_bus": sum(
            bound_macs_per_cycle(data["machine"], layer["macs_per_byte"]) < peak for layer in layers
        ),
    }


def conformance_words(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what conformance.html says: whether outputs are the kernels engine's bytes.

    What was not compared is said to be open, never right.
    """
    return {"found": data["conformance"], "engine": ENGINES[data["results"]["engine"]]}


def conformance_text(data: Mapping[str, Any]) -> str:
    """Return the paragraph on conformance."""
    return render("conformance", **conformance_words(data))
