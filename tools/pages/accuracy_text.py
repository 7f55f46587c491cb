"""docs/accuracy.md out of the numbers that tools/pages/accuracy.py measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.markdown import row

Level = tuple[str, int, float]
"""A variant, bits, and the number that is expected of it."""

TWO_STORED_BITS = ("uniform", "wes", "subset", "lut")
"""Variants whose codes of 2 bits take 2 bits."""
MOST_DROPPED = {4: 0.2, 3: 0.5, 2: 2.0}
"""Points on Fashion-MNIST that the best fitted scheme is to lose at most, by bits."""
LEAST_GAIN_DB = 5.0
"""What fitted codes are to gain over the nearest at 3 and 2 bits, whatever the scheme."""


def page(data: dict[str, Any], floors: Sequence[Level], goals: Sequence[Level]) -> str:
    """Return docs/accuracy.md of the measured numbers."""
    kws = data["kws"]
    parts = [
        "# Accuracy of the schemes",
        "Written by `tools/pages/accuracy.py`; the numbers are in `accuracy.json` beside this "
        "page. Post-training quantization only: nothing is fine-tuned. Activations are int8; every "
        "row is executed bit-exactly by the kernels engine, rounding half_up.",
        "`published` is each paper's own choice (`--as-published`): weights rounded to the nearest "
        "code, min-max ranges, the closed form's breakpoint on the printed grid, for PWLQ its bias "
        "correction. `nearest` has the same encoders with the defaults otherwise: static bias "
        "correction, searched grids, activation ranges by percentile. `feedback` is the "
        "default: codes, scales and what a layer shares are fitted to the data, layer after layer; "
        "`none` and `static` say what is done about the bias. `lut` and `pwlq_double` are npusim's "
        "own and have no published form.",
        "## Keyword spotting, 749 labelled samples",
        f"Float: {_any(kws)['float']:.2f} %. Top-1 accuracy as mean (least..greatest) over "
        f"{len(kws)} calibration sets of 62 or 63 samples; one sample is 0.13 points. `code` bits "
        "are stored code bits a weight, `all` includes tables, multipliers, shifts and biases.",
        accuracy_table(kws),
        "What the fitted encoder is to reach, and reaches:",
        goal_table(kws, goals),
        losses(kws),
        two_bits(data),
        "### The published forms against an independent implementation",
        "Largest allowed drop from float in points, and ours (mean, and range over the calibration "
        "sets). A row that misses says so.",
        floor_table(kws, floors),
        "## Fashion-MNIST, 10,000 labelled test pictures",
        "The two networks of npusim/networks/fashion, calibrated on 128 training pictures; top-1 "
        "accuracy in percent. One picture is 0.01 points; the standard error of a difference of "
        "one point between two rows is about 0.2.",
        *(part for name, found in data["fashion"].items()
          for part in (f"### {name}: float {found['float']:.2f} %",
                       accuracy_table({"": found}), drops(found))),
        "## Image networks: agreement with their float selves",
        "Top-1 agreement (%) and SQNR of the logits (dB) over photo crops, a third of which were "
        "calibrated on; no labelled set of a free licence exists for them.",
        *(part for name, found in data["images"].items()
          for part in (f"### {name}, {found['samples']} crops", image_table(found),
                       gains(found))),
        "## Order of the weights' SQNR",
        "Layers on which each order of the nearest encoders holds, of all layers, at 4 / 3 / 2 "
        "bits.",
        order_table(data["orders"]),
        "## MobileNetV2: one scale a layer, without and with the shift-scaler",
        "The int8 files' weights taken as real values and quantized anew, by the nearest encoder; "
        "agreement with the float execution of the same weights over photo views.",
        shift_table(data["shift_scaler"]),
        "## TensorFlow's int8 weights from their float twins",
        "Our 8-bit codes against those in the int8 files. TensorFlow raises the scale of nearly "
        "dead channels until their int32 bias fits; npusim's bias has 64 bits and would not, so "
        "those channels are coded with the file's scale here.",
        twin_table(data["twins"]),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _any(runs: dict[str, Any]) -> dict[str, Any]:
    return next(iter(runs.values()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns but the first are right-aligned."""
    align = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join(row(*line) for line in (head, align, *rows))


def spread(values: Sequence[float]) -> str:
    """Return mean, least and greatest of some percentages; one alone as it is."""
    if len(values) < 2:
        return "".join(f"{value:.2f}" for value in values)
    return f"{mean(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


Key = tuple[str, int, str]
"""Variant, bits, column."""


def collected(runs: dict[str, Any]) -> dict[Key, list[dict[str, Any]]]:
    """Return the rows of all calibrations by variant, bits and column."""
    found: dict[Key, list[dict[str, Any]]] = {}
    for run in runs.values():
        for r in run["rows"]:
            found.setdefault((r["variant"], r["bits"], r["column"]), []).append(r)
    return found


def accuracies(runs: dict[str, Any]) -> dict[Key, list[float]]:
    """Return the accuracies of all calibrations by variant, bits and column."""
    found = collected(runs).items()
    return {key: [row["accuracy"] for row in rows] for key, rows in found}


def accuracy_table(runs: dict[str, Any]) -> str:
    """Return the accuracy of every variant in every column."""
    found, values = collected(runs), accuracies(runs)
    columns = list(dict.fromkeys(column for _, _, column in found))
    rows = []
    for variant, bits in dict.fromkeys((variant, bits) for variant, bits, _ in found):
        first = found[variant, bits, "feedback, static"][0]
        rows.append([
            f"{variant} {bits}", f"{first['code_bits_per_weight']:.2f}",
            f"{first['stored_bits_per_weight']:.2f}",
            *(spread(values.get((variant, bits, column), [])) for column in columns),
        ])  # fmt: skip
    return table(["scheme", "code", "all", *columns], rows)


def goal_table(kws: dict[str, Any], goals: Sequence[Level]) -> str:
    """Return what was to be reached, and the fitted columns."""
    values, rows = accuracies(kws), []
    for variant, bits, least in goals:
        found = [values[variant, bits, f"feedback, {c}"] for c in ("none", "static")]
        verdict = _verdict(mean(found[1]) >= least)
        rows.append([f"{variant} {bits}", f"{least:.1f}", *map(spread, found), verdict])
    return table(["scheme", "at least", "none", "static", "static"], rows)


def losses(kws: dict[str, Any]) -> str:
    """Return the row at 4 bits and more that loses most by looking at the data."""
    values = accuracies(kws)
    lost = {
        (variant, bits): mean(values[variant, bits, "nearest"]) - mean(found)
        for (variant, bits, column), found in values.items()
        if column == "feedback, static" and bits >= 4
    }
    worst = max(lost, key=lambda key: lost[key])
    return (
        f"At 4 bits and more the row that loses most against `nearest` is {worst[0]} {worst[1]}: "
        f"{lost[worst]:.2f} points, and {_agreement(kws, *worst)}. A row's accuracy can lie above "
        "its agreement's worth, and above the float network's, by luck."
    )


def _agreement(kws: dict[str, Any], variant: str, bits: int) -> str:
    """Return how often a row's two encoders agree with the float network, in words."""
    found = collected(kws)
    by_nearest, fitted = (
        mean([row["agreement"] for row in found[variant, bits, column]])
        for column in ("nearest", "feedback, static")
    )
    return (
        f"its top-1 agreement with the float network goes from {by_nearest:.1f} to {fitted:.1f} %"
    )


def two_bits(data: dict[str, Any]) -> str:
    """Return what is left at two stored bits a weight."""
    told = []
    networks = {"KWS": data["kws"], **{n: {"": found} for n, found in data["fashion"].items()}}
    for name, runs in networks.items():
        values = accuracies(runs)
        best = max(TWO_STORED_BITS, key=lambda v: mean(values[v, 2, "feedback, static"]))
        by_nearest = max(mean(values[v, 2, "nearest"]) for v in TWO_STORED_BITS)
        told.append(
            f"{name} {mean(values[best, 2, 'feedback, static']):.1f} % ({best}; float "
            f"{_any(runs)['float']:.1f}, the best of `nearest` {by_nearest:.1f})"
        )
    return (
        f"At 2 stored bits a weight ({', '.join(TWO_STORED_BITS)}) the best fitted scheme keeps "
        f"{'; '.join(told)}. Nearest codes are of no use there."
    )


def floor_table(kws: dict[str, Any], floors: Sequence[Level]) -> str:
    """Return how far each published form drops, and what it may."""
    values, rows = accuracies(kws), []
    reference = _any(kws)["float"]
    for variant, bits, allowed in floors:
        dropped = [reference - found for found in values[variant, bits, "published"]]
        verdict = _verdict(mean(dropped) <= allowed)
        rows.append([f"{variant} {bits}", f"{allowed:.1f}", spread(dropped), verdict])
    return table(["scheme", "allowed", "ours", ""], rows)


def drops(found: dict[str, Any]) -> str:
    """Return the least drop from float at each number of bits."""
    best: dict[int, tuple[float, str]] = {}
    for r in found["rows"]:
        if r["column"] == "feedback, static":
            drop = (found["float"] - r["accuracy"], r["variant"])
            best[r["bits"]] = min(best.get(r["bits"], drop), drop)
    told = [
        f"{bits} bits {drop:.2f} ({variant}; at most {MOST_DROPPED[bits]}: "
        f"{_verdict(drop <= MOST_DROPPED[bits])})"
        for bits, (drop, variant) in best.items()
    ]
    return f"Least drop from float, feedback, in points: {', '.join(told)}."


def image_table(found: dict[str, Any]) -> str:
    """Return agreement and SQNR of an image network; nothing where a variant has no such form."""
    rows: dict[tuple[str, int], dict[str, str]] = {}
    for r in found["rows"]:
        sqnr = "" if r["output_sqnr_db"] is None else f"{r['output_sqnr_db']:.1f}"
        cell = f"{r['agreement']:.1f} / {sqnr}"
        rows.setdefault((r["variant"], r["bits"]), {})[r["column"]] = cell
    columns = list(dict.fromkeys(r["column"] for r in found["rows"]))
    body = [[f"{v} {b}", *(cells.get(c, "") for c in columns)] for (v, b), cells in rows.items()]
    return table(["scheme", *columns], body)


def gains(found: dict[str, Any]) -> str:
    """Return the least gain of the logits' SQNR by looking at the data, at 3 and 2 bits."""
    quality = {(r["variant"], r["bits"], r["column"]): r["output_sqnr_db"] for r in found["rows"]}
    gained = {
        (variant, bits): value - quality[variant, bits, "nearest"]
        for (variant, bits, column), value in quality.items()
        if column == "feedback, static" and bits <= 3
    }
    worst = min(gained, key=lambda key: gained[key])
    return (
        f"At 3 and 2 bits `feedback` gains at least {gained[worst]:.1f} dB over `nearest` "
        f"({worst[0]} {worst[1]}; at least {LEAST_GAIN_DB:g}: "
        f"{_verdict(gained[worst] >= LEAST_GAIN_DB)})."
    )


def _verdict(holds: bool) -> str:
    return "holds" if holds else "MISSED"


def order_table(images: dict[str, Any]) -> str:
    """Return how the order of the layers' errors differs between networks."""
    names = list(images)
    orders = list(images[names[0]])
    rows = []
    for order in orders:
        cells = []
        for name in names:
            found = images[name][order]
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
