"""docs/energy_table.md from the tables and the check: python -m tools.pages.energy_table."""

from __future__ import annotations

import json
from typing import Any

from npusim.words import TECHNOLOGIES
from tools.checkout import ROOT
from tools.flow.energy_builds import units_by_module
from tools.flow.timing import sources
from tools.flow.units import sources_of
from tools.markdown import header, row

TABLES = ROOT / "npusim" / "cost" / "tables"
CHECK = ROOT / "tools" / "flow" / "energy_check.json"
PAGE = ROOT / "docs" / "energy_table.md"
HEAD = (ROOT / "tools" / "pages" / "energy_table_head.txt").read_text()


def table(document: dict[str, Any]) -> list[str]:
    """Return a technology's rows as Markdown."""
    source = document["provenance"]
    lines = [
        f"## {document['technology']}", "",
        f"{source['library']}, {document['corner']}, {document['voltage_v']} V, "
        f"{document['temperature_c']:.0f} C, sha256 `{source['library_sha256'][:16]}...`. "
        f"`{source['command']}`, {source['yosys']}, {source['simulator']}. "
        f"Streams: {source['streams']}.", "",
        *header("module", "parameters", "clock gates", "cells", "um2", "leakage, uW",
                "pJ by operation class (of it clocks)"),
    ]  # fmt: skip
    for of in document["modules"]:
        values = " ".join(f"{key}={value}" for key, value in of["parameters"].items())
        energies = ", ".join(
            f"{name} {value:.3g} ({of['clock_pj'][name]:.3g})"
            for name, value in of["energy_pj"].items()
        )
        lines.append(row(
            of["module"], values, of.get("clock_gates", 0) if of["clock_gated"] else "none",
            of["cells"], f"{of['area_um2']:.0f}", f"{of['leakage_uw']:.3g}", energies,
        ))  # fmt: skip
    lines += stale(document["modules"])
    if document.get("left_out"):
        lines += ["", f"Not made yet, and so without a price: {', '.join(document['left_out'])}."]
    noise = source.get("seed_noise")
    if noise:
        lines += [
            "", "**Seed noise.** Another sample and other windows (the next seed) move classes of "
            "`base`'s netlists with gates by: "
            + ", ".join(f"{name} {100 * value:.1f} %" for name, value in noise.items()) + ".",
        ]  # fmt: skip
    lines += ["", "### Activity", "", *activity(document), ""]
    return lines


def stale(rows: list[dict[str, Any]]) -> list[str]:
    """Return which rows are not of today's Verilog, or have no netlist with clock gates."""
    units = units_by_module()
    today = {module: sources_of(unit) for module, unit in units.items()}
    changed = {
        of["module"] for of in rows
        if of["sources"] and of["sources"] != today.get(of["module"], sources(of["module"]))
    }  # fmt: skip
    builds = {(of["module"], json.dumps(of["parameters"])): of for of in rows}
    earlier = [
        f"{module} {' '.join(f'{k}={v}' for k, v in of['parameters'].items())}".strip()
        for (module, _), of in builds.items()
        if not of["sources"]
    ]
    lines = []
    if earlier:
        lines += [
            "", "Of Verilog before the pipeline (npu_requantize with four multipliers), with the "
            "energy of idle cycles taken for clock, streams of digits alone, and without a netlist "
            f"with gates: {'; '.join(earlier)}."
        ]  # fmt: skip
    if changed:
        lines += ["", f"The Verilog has changed since: {', '.join(sorted(changed))}."]
    return lines


def activity(document: dict[str, Any]) -> list[str]:
    """Return the fits of npu_pe_column."""
    lines = [
        "Energy of a column without its clock and above idle as a sum over its PEs, in fJ for each "
        "bit that changes (`npusim/simulator/activity.py` counts them): operands xe; the same "
        "times the weight's non-zero Booth digits; product registers; sums. Least squares over the "
        "windows, none negative.", "",
        *header("ROWS", "formats built in", "clock gates", "format", "operands", "multipliers",
                "products", "sums"),
    ]  # fmt: skip
    for of in document["modules"]:
        for form, fit in of.get("activity", {}).items():
            parameters = of["parameters"]
            built = "/".join(
                str(parameters[name]) for name in ("UNIFORM_BITS", "SUBSET", "PWLQ_BITS")
            )
            values = (f"{1e3 * value:.1f}" for value in fit.values())
            gates = "yes" if of["clock_gated"] else "no"
            lines.append(row(parameters["ROWS"], built, gates, form, *values))
    return lines


def check(results: dict[str, Any]) -> list[str]:
    """Return the comparison of the models with gates on whole layers."""
    lines = [
        "## Whole layers by two routes", "",
        "Layers that nothing above was fitted to, another sample, in Nangate45 with clock gates "
        "(`tools/flow/check_energy.py`). One route: the synthesized array (npu_array, its lanes "
        "with their requantizers) at gate level in all cycles of the layer, every output equal to "
        "RTL's. The other: the layer's counted events and cycles times the table. Neither adders, "
        "pools and lookups, which the layers do not use, nor SRAM, DRAM or control on either side. "
        "Above idle is what is left of both without the clocks of idle cycles.", "",
        *header("machine, network, layer", "cycles", "gates, nJ", "average off by",
                "toggles off by", "above idle: gates, nJ", "average off by", "toggles off by",
                "products off by, average", "toggles"),
    ]  # fmt: skip
    for key, result in results.items():
        gates, model = result["gates"], result["model"]
        rest = model["at_rest"] + model["clock"] + model["others"]
        found = [rest + model[name] for name in ("average", "toggles")]
        above = gates["all"] - model["at_rest"]
        lines.append(row(
            key, result["cycles"], f"{gates['all'] / 1e3:.1f}",
            *(percent(value, gates["all"]) for value in found), f"{above / 1e3:.1f}",
            *(percent(value - model["at_rest"], above) for value in found),
            *(percent(model[name], gates["products"]) for name in ("average", "toggles")),
        ))  # fmt: skip
    return [*lines, ""]


NOT_CHECKED = """\
## Whole layers by two routes

`tools/flow/check_energy.py` prices layers that nothing was fitted to, and replays the whole array
on them. It has not run on netlists with clock gates yet. On those before, of Verilog before the
pipeline, layer `pointwise` of digits on `nano` was within 1 % of the gates; above idle, the
products were 8.7 % below by the average, and 5.5 % by what the data toggles.
"""


def percent(found: float, expected: float) -> str:
    """Return how far one value lies from another."""
    return f"{100 * (found / expected - 1):+.1f} %"


def page() -> str:
    """Return docs/energy_table.md."""
    documents = [
        json.loads(path.read_text())
        for path in (TABLES / f"{name}.json" for name in TECHNOLOGIES)
        if path.exists()
    ]
    lines = [HEAD.rstrip("\n")]
    lines += [row(name, what) for name, what in documents[0]["operation_classes"].items()]
    lines.append("")
    checked = check(json.loads(CHECK.read_text())) if CHECK.exists() else [NOT_CHECKED]
    lines += checked
    for document in documents:
        lines += table(document)
    return "\n".join(lines)


def main() -> None:
    """Write docs/energy_table.md."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
