"""docs/accuracy.md out of the numbers that make_accuracy.py measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.markdown import row

Floor = tuple[str, int, str, float]


def page(data: dict[str, Any], floors: Sequence[Floor], calibrations: list[str]) -> str:
    """Return docs/accuracy.md of the measured numbers."""
    kws = data["kws"]
    parts = [
        "# Accuracy of the schemes",
        "Written by `tools/pages/accuracy.py`; the numbers are in `accuracy.json` beside this "
        "page. Post-training quantization only: nothing is fine-tuned. Activations are int8; every "
        "row is executed bit-exactly by the kernels engine, rounding half_up.",
        "## Keyword spotting, 749 labelled samples",
        f"Float: {kws['float']:.2f} %. Top-1 accuracy as mean (least..greatest) over "
        f"{len(calibrations)} calibration sets of 62 or 63 samples; one sample is 0.13 points. "
        "`static` and `paper` are the bias corrections of docs/numerics.md; `code` bits are stored "
        "code bits a weight, `all` includes tables, multipliers, shifts and biases.",
        kws_table(kws),
        "### Against the figures of an independent implementation",
        "Largest allowed drop from float in points, and ours (mean, and range over the calibration "
        "sets). A row that misses says so.",
        floor_table(kws, floors),
        "At 2 stored bits every scheme fails without fine-tuning: no conclusion should be drawn "
        "from those rows.",
        "## Image networks: agreement with their float selves",
        "Top-1 agreement (%) and SQNR of the logits (dB) over photo crops; no labelled set of a "
        "free licence exists for them.",
        *(image_table(name, found) for name, found in data["images"].items() if "rows" in found),
        "## Order of the weights' SQNR",
        "Layers on which each order holds, of all layers, at 4 / 3 / 2 bits.",
        order_table(data["images"]),
        "## MobileNetV2: one scale a layer, without and with the shift-scaler",
        "The int8 files' weights taken as real values and quantized anew; agreement with the float "
        "execution of the same weights over photo views.",
        shift_table(data["shift_scaler"]),
        "## TensorFlow's int8 weights from their float twins",
        "Our 8-bit codes against those in the int8 files. TensorFlow raises the scale of nearly "
        "dead channels until their int32 bias fits; npusim's bias has 64 bits and would not, so "
        "those channels are coded with the file's scale here.",
        twin_table(data["twins"]),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns but the first are right-aligned."""
    align = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join(row(*line) for line in (head, align, *rows))


def spread(values: Sequence[float]) -> str:
    """Return mean, least and greatest of some percentages."""
    return f"{sum(values) / len(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def collected(kws: dict[str, Any]) -> dict[tuple[str, int, str], list[dict[str, Any]]]:
    """Return the rows of all calibrations by variant, bits and correction."""
    found: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for rows in kws["rows"].values():
        for r in rows:
            key = (r["variant"], r["bits"], r["bias_correction"])
            found.setdefault(key, []).append(r)
    return found


def kws_table(kws: dict[str, Any]) -> str:
    """Return the accuracy of every variant on the keyword network."""
    found = collected(kws)
    keys = dict.fromkeys((variant, bits) for variant, bits, _ in found)
    rows = []
    for variant, bits in keys:
        first = found[variant, bits, "none"][0]
        rows.append([
            f"{variant} {bits}", f"{first['code_bits_per_weight']:.2f}",
            f"{first['stored_bits_per_weight']:.2f}",
            *(spread([r["accuracy"] for r in found[variant, bits, c]])
              for c in ("none", "static", "paper")),
        ])  # fmt: skip
    return table(["scheme", "code", "all", "none", "static", "paper"], rows)


def floor_table(kws: dict[str, Any], floors: Sequence[Floor]) -> str:
    """Return how far each promised variant drops, and what it may."""
    found, rows = collected(kws), []
    for variant, bits, correction, allowed in floors:
        drops = [kws["float"] - r["accuracy"] for r in found[variant, bits, correction]]
        mean = sum(drops) / len(drops)
        verdict = "holds" if mean <= allowed else "MISSED"
        label = f"{variant} {bits}" + ("" if correction == "none" else f", {correction}")
        rows.append([label, f"{allowed:.1f}", spread(drops), verdict])
    plain = [r["accuracy"] for r in found["uniform", 3, "none"]]
    rows.append(["uniform 3 (expected to fall to about 51)", "", spread(plain) + " %", ""])
    return table(["scheme", "allowed", "ours", ""], rows)


def image_table(name: str, found: dict[str, Any]) -> str:
    """Return agreement and SQNR of an image network, by variant."""
    rows: dict[tuple[str, int], dict[str, str]] = {}
    for r in found["rows"]:
        sqnr = "" if r["output_sqnr_db"] is None else f"{r['output_sqnr_db']:.1f}"
        cell = f"{r['agreement']:.1f} / {sqnr}"
        rows.setdefault((r["variant"], r["bits"]), {})[r["bias_correction"]] = cell
    body = [[f"{v} {b}", cells["none"], cells["static"]] for (v, b), cells in rows.items()]
    heading = f"### {name}, {found['samples']} crops"
    return heading + "\n\n" + table(["scheme", "none", "static"], body)


def order_table(images: dict[str, Any]) -> str:
    """Return how the order of the layers' errors differs between networks."""
    names = list(images)
    orders = list(images[names[0]]["layers"])
    rows = []
    for order in orders:
        cells = []
        for name in names:
            found = images[name]["layers"][order]
            counts = " / ".join(str(found[bits]) for bits in ("4", "3", "2"))
            cells.append(f"{counts} of {found['layers']}")
        rows.append([order, *cells])
    return table(["order", *names], rows)


def shift_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return what the shift scaler keeps of large networks."""
    return table(
        ["network", "weights", "views", "top-1 agreement", "in the top 5", "n_c = 15", "lowered"],
        [[r["network"], r["weights"], str(r["views"]), f"{r['top1']:.1f} %",
          f"{r['in_top5']:.1f} %", str(r["channels_at_15"]), str(r["channels_lowered"])]
         for r in rows],
    )  # fmt: skip


def twin_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return how far the integers of twin networks differ."""
    return table(
        ["network", "weights", "differing", "channels with a raised scale"],
        [[r["network"], f"{r['weights']:,}", str(r["differences"]), str(r["channels_raised"])]
         for r in rows],
    )  # fmt: skip
