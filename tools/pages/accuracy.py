"""Measure every scheme's accuracy and write docs/accuracy.md (reads ../shared).

    python -m tools.pages.accuracy [SECTION ...] [--encoder NAME] [--variant NAME]

Nothing in the page is written by hand. With names of sections, only these are measured anew, and
with encoders or variants only their rows; the other numbers stay as they are in docs/accuracy.json.
Every row is written to a journal,
build/accuracy.jsonl, as soon as it is measured: a run that was stopped goes on where it was, as
long as the quantizer does the same to a small network.

KWS and Fashion-MNIST (Debian's package dataset-fashion-mnist) have labels; the image networks are
compared with their float selves on photo crops. Accuracy on
KWS is measured for several calibration sets, because the choice of 63 samples alone moves it by a
point: the table shows the mean and the range.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import npusim
from npusim import operators as op
from npusim.analysis.top1 import classes, percent_equal
from npusim.explore.compare import choices
from npusim.explore.compare_rows import Choice, measured_row
from npusim.prepared.engine import prepare as engine
from npusim.quant.float_network import constant, run_float
from npusim.quant.options import as_published
from npusim.quant.quantize import prepare, quantize_prepared
from npusim.words import PUBLISHED
from tools.checkout import DIGITS, MODELS, ROOT
from tools.pages.accuracy_text import page

PAGE = ROOT / "docs" / "accuracy.md"
FASHION = ROOT / "npusim" / "networks" / "fashion"
NUMBERS = ROOT / "docs" / "accuracy.json"
JOURNAL = ROOT / "build" / "accuracy.jsonl"

VARIANTS = ("uniform", "wes", "pwlq", "subset", "lut", "multipoint-2", "pwlq_double")
BITS = (8, 4, 3, 2)
FEW_BITS = (4, 3, 2)
ENCODERS = (PUBLISHED, "nearest", "feedback")
"""What is compared: the papers' own choices, the data not looked at, and looked at."""
UNPUBLISHED = ("lut", "pwlq_double")
"""Variants without a paper whose choices they could have."""
Wanted = Sequence[tuple[Sequence[int], Sequence[str], str]]
"""Bits, encoders and bias correction of rows."""
FEW: Wanted = ((FEW_BITS, ENCODERS, "static"),)
THREADS = 2
CALIBRATIONS = {f"every 12th from {start}": slice(start, None, 12) for start in (0, 4, 8)}

FLOORS: tuple[tuple[str, int, float], ...] = (
    *((name, 8, 1.0) for name in ("uniform", "wes", "pwlq", "multipoint-2")),
    ("uniform", 4, 2.0), ("pwlq", 4, 1.0), ("subset", 4, 4.5), ("multipoint-2", 4, 1.0),
    ("multipoint-2", 3, 2.5),
)  # fmt: skip
"""Largest drop of the published form from float in points, by an independent implementation."""
GOALS: tuple[tuple[str, int, float], ...] = (
    ("uniform", 3, 89.0), ("wes", 4, 90.0), ("wes", 3, 86.0), ("subset", 3, 91.0),
    ("subset", 2, 86.0), ("pwlq", 3, 90.5), ("pwlq", 2, 88.0), ("multipoint-2", 2, 89.0),
)  # fmt: skip
"""Least accuracy on KWS that the fitted encoder is to reach."""


def kws() -> tuple[np.ndarray, np.ndarray]:
    """Return the keyword samples as the float network takes them, and their classes."""
    data = np.load(MODELS / "samples/kws01.npz")
    return (data["x"].astype(np.float64) - 83) * 0.5847029089927673, data["y"]


def crops(size: int, step: int = 32) -> np.ndarray:
    """Every `size` window of the 128 x 128 photos, `step` apart, and its mirror image."""
    photos = np.load(MODELS / "samples/photos.npz")["x128"]
    places = range(0, 128 - size + 1, step)
    views = [p[i : i + size, j : j + size] for p in photos for i in places for j in places]
    return np.stack([view for v in views for view in (v, v[:, ::-1])]).astype(np.float64)


def load(name: str) -> npusim.Network:
    """Return a reference network."""
    return npusim.load(MODELS / "onnx" / f"{name}.onnx")


def measured(
    network: npusim.Network,
    calibrate: np.ndarray,
    wanted: Wanted,
    variants: Sequence[str],
    evaluate: np.ndarray,
    labels: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the float network's accuracy, if any, and a row for each variant.

    Rows of the journal are not measured again.
    """
    prepared = prepare(network, calibrate, THREADS)
    reference = run_float(prepared.network, evaluate, threads=THREADS)[prepared.network.outputs[0]]
    rows = []
    for bits, encoders, correction in wanted:
        for choice in choices(variants, bits, encoders, (correction,)):
            if choice.encoder == PUBLISHED and choice.variant in UNPUBLISHED:
                continue

            def row(choice: Choice = choice) -> dict[str, Any]:
                found = quantize_prepared(prepared, choice.options, threads=THREADS)
                return measured_row(choice, found, reference, evaluate, labels, THREADS)

            name = f"{choice.variant} {choice.options.bits} {choice.encoder} {correction}"
            found = journal(f"{network.name} {sha(calibrate)} {name}", row)
            rows.append({"column": column(found), **slim(found)})
    accuracy = None if labels is None else percent_equal(classes(reference), labels)
    return {"float": accuracy, "samples": len(evaluate), "rows": rows}


def column(row: dict[str, Any]) -> str:
    """Return the heading that a row stands under."""
    correction = row["bias_correction"]
    return row["encoder"] if row["encoder"] != "feedback" else f"feedback, {correction}"


def slim(row: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a comparison's row that the page needs."""
    keys = ("variant", "bits", "bytes", "code_bits_per_weight", "stored_bits_per_weight",
            "output_sqnr_db", "agreement", "accuracy")  # fmt: skip
    return {key: row[key] for key in keys if key in row}


@dataclass(frozen=True)
class Only:
    """Encoders and variants whose rows are measured."""

    encoders: Sequence[str]
    variants: Sequence[str]

    def of(self, wanted: Wanted) -> Wanted:
        """Return what is `wanted` of these encoders."""
        return [
            (bits, [name for name in every if name in self.encoders], correction)
            for bits, every, correction in wanted
            if set(every) & set(self.encoders)
        ]


def measure_kws(only: Only) -> dict[str, Any]:
    """Return accuracies of every variant on the keyword network, by calibration."""
    x, y = kws()
    network = load("kws_dscnn_fp32")
    wanted = only.of(((BITS, ENCODERS, "static"), (FEW_BITS, ("feedback",), "none")))
    return {
        name: measured(network, x[part], wanted, only.variants, x, y)
        for name, part in CALIBRATIONS.items()
    }


def measure_fashion(only: Only) -> dict[str, Any]:
    """Return accuracies over all 10,000 test pictures of Fashion-MNIST."""
    from npusim.networks.fashion.pictures import read

    images, labels = read("t10k")
    train = np.load(FASHION / "fashion_train.npz")["x"] / 255.0
    return {
        name: measured(
            npusim.load(FASHION / f"fashion_{name}_float.onnx"), train,
            only.of(FEW), only.variants, images[:, None] / 255.0, labels.astype(np.int64),
        )
        for name in ("separable", "residual")
    }  # fmt: skip


def image_networks() -> Iterator[tuple[str, np.ndarray]]:
    """Yield the networks that no labelled pictures of a free licence exist for, with crops."""
    yield "ic_resnet8_fp32", crops(96)[:, ::3, ::3]
    yield "vww_mbv1_fp32", crops(96) / 255


def measure_images(only: Only) -> dict[str, Any]:
    """Return agreements of the image networks with their float selves."""
    wanted = only.of(FEW)
    return {
        name: measured(load(name), x[::3], wanted, only.variants, x) for name, x in image_networks()
    }


def measure_orders() -> dict[str, Any]:
    """Return, by network, on how many layers the schemes' errors have the expected order."""
    keywords, _ = kws()
    calibrations = {name: x[::3] for name, x in image_networks()}
    calibrations["kws_dscnn_fp32"] = keywords[::12]
    return {name: orders(name, x) for name, x in calibrations.items()}


def orders(name: str, x: np.ndarray) -> dict[str, dict[str, int]]:
    """Count the layers on which each expected order of weight SQNR holds, at 4, 3 and 2 bits."""
    prepared = prepare(load(name), x)
    counts: dict[str, dict[str, int]] = {}
    for bits in (4, 3, 2):

        def quality(bits: int = bits, **settings: Any) -> np.ndarray:
            options = as_published(**{"bits": bits, "bias_correction": "none", **settings})
            return np.array([r.sqnr_db for r in quantize_prepared(prepared, options).layers])

        channel = quality(scheme="uniform")
        layer = quality(scheme="uniform", per_layer=True)
        clipped = quality(scheme="uniform", clip="squared-error")
        wes, searched = quality(scheme="wes"), quality(scheme="pwlq", breakpoint="search")
        gaussian = quality(scheme="pwlq")
        points = [quality(scheme="multipoint", points=float(n)) for n in (1, 2, 3, 4)]
        for text, better, worse in (
            ("per channel >= wes", channel, wes), ("wes >= per layer", wes, layer),
            ("clipped >= min-max", clipped, channel),
            ("pwlq search >= Gaussian", searched, gaussian),
            ("pwlq Gaussian >= uniform clipped", gaussian, clipped),
            *((f"{n + 1} points > {n}", points[n], points[n - 1]) for n in (1, 2, 3)),
        ):  # fmt: skip
            holds = better > worse if text.endswith(("1", "2", "3")) else better >= worse - 1e-9
            holds |= np.isinf(worse)
            counts.setdefault(text, {})[str(bits)] = int(holds.sum())
            counts[text]["layers"] = len(holds)
    return counts


def measure_shift_scaler() -> list[dict[str, Any]]:
    """MobileNetV2's int8 weights, one scale a layer with and without the shift-scaler."""
    rows = []
    for name, first in (("tflm_mobilenet_v2_int8", True), ("coral_tf2_mobilenet_v2_ptq", False)):
        network = npusim.load(MODELS / "tflite" / f"{name}.tflite")
        tensor = network.tensors[network.inputs[0]]
        integers = views224(tensor.dtype)
        if first:
            integers = integers.transpose(0, 3, 1, 2)
        q = tensor.quantization
        assert q is not None
        x = (integers.astype(np.float64) - int(q.zero_point)) * float(q.scale)
        prepared = prepare(network, x[::4])
        output = prepared.network.outputs[0]
        reference = run_float(prepared.network, x)[output].reshape(len(x), -1)
        for label, settings in (("uniform per channel", {"scheme": "uniform"}),
                                ("uniform per layer", {"scheme": "uniform", "per_layer": True}),
                                ("shift-scaler", {"scheme": "wes"})):  # fmt: skip
            quantized = quantize_prepared(prepared, as_published(bits=8, **settings))
            found = engine(quantized.network, "half_up").run(x.astype(np.float32), threads=2)
            scores = found[quantized.network.outputs[0]].reshape(len(x), -1)
            top5 = np.argsort(-reference, axis=1, kind="stable")[:, :5]
            best = scores.argmax(axis=1)
            rows.append({
                "network": name, "weights": label, "views": len(x),
                "top1": 100 * float((best == reference.argmax(axis=1)).mean()),
                "in_top5": 100 * float((top5 == best[:, None]).any(axis=1).mean()),
                "channels_at_15": sum(r.largest_shifts for r in quantized.layers),
                "channels_lowered": sum(r.capped_shifts for r in quantized.layers),
            })  # fmt: skip
    return rows


def views224(dtype: np.dtype) -> np.ndarray:
    """Photos of 224 x 224, mirrored and shifted, as the network's 8-bit input."""
    photos = np.load(MODELS / "samples/photos.npz")["x224"]
    views = [np.roll(v, shift, axis=2) for shift in (0, 16) for v in (photos, photos[:, :, ::-1])]
    pixels = np.concatenate(views)
    return pixels if dtype == np.uint8 else (pixels.astype(np.int16) - 128).astype(np.int8)


def twins() -> list[dict[str, Any]]:
    """Our 8-bit codes of float networks against the int8 files TensorFlow made of them."""
    from npusim.quant.encoders import uniform

    rows = []
    for name in (
        "ic_resnet8",
        "ic_resnet_6blk",
        "ic_resnet_large",
        "vww_mbv1",
        "vww_14blk",
        "ad_ae",
    ):
        weights = differences = raised = 0
        for w, stored, scales in twin_layers(name):
            own = uniform.scales_of(w, -127, 127, scales.size == 1, "min-max")
            floors = np.where(scales > own * (1 + 1e-6), scales, 0.0)
            raised += int((floors > 0).sum())
            coded = uniform.encode(w, 8, per_layer=scales.size == 1, least_scales=floors)
            weights += w.size
            differences += int((coded.codes.view(np.int8) != stored).sum())
        rows.append({"network": name, "weights": weights, "differences": differences,
                     "channels_raised": raised})  # fmt: skip
    return rows


def twin_layers(name: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield float weights [OC K], TensorFlow's integers [OC K] and its scales."""
    pair = [npusim.load(MODELS / "tflite" / f"{name}_{kind}.tflite") for kind in ("fp32", "int8")]
    layers = [
        [n for n in network.nodes if isinstance(n.operator, op.Conv2D | op.FullyConnected)]
        for network in pair
    ]
    for left, right in zip(*layers, strict=True):
        w = constant(pair[0].tensors[left.inputs[1]])
        tensor = pair[1].tensors[right.inputs[1]]
        assert tensor.data is not None
        assert tensor.quantization is not None
        scales = tensor.quantization.scale.astype(np.float64)
        yield w.reshape(len(w), -1), tensor.data.reshape(len(w), -1), scales


TABLES: dict[str, Callable[[Only], dict[str, Any]]] = {
    "kws": measure_kws, "fashion": measure_fashion, "images": measure_images,
}  # fmt: skip
"""Sections of rows, each of which is an entry of the journal."""
WHOLE: dict[str, Callable[[], Any]] = {
    "orders": measure_orders, "shift_scaler": measure_shift_scaler, "twins": twins,
}  # fmt: skip
"""Sections that are one entry of the journal."""


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return a table with the rows of `new`, and those of `old` that it does not have."""

    def by_key(table: dict[str, Any]) -> dict[tuple[str, int, str], dict[str, Any]]:
        return {(r["variant"], r["bits"], r["column"]): r for r in table.get("rows", ())}

    return {**new, "rows": list({**by_key(old), **by_key(new)}.values())}


@cache
def journalled() -> dict[str, Any]:
    """Return the journal's entries of a quantizer that behaves as this one, by their key."""
    if not JOURNAL.exists():
        return {}
    entries = [json.loads(line) for line in JOURNAL.read_text().splitlines()]
    return {e["key"]: e["found"] for e in entries if e["behaviour"] == behaviour()}


@cache
def behaviour() -> str:
    """Return a hash of what the quantizer makes of the digits network at 2 and 4 bits."""
    digits = prepare(
        npusim.load(DIGITS / "digits_float.onnx"), np.load(DIGITS / "digits_train.npz")["x"]
    )
    found = hashlib.sha256()
    for choice in choices(VARIANTS, (4, 2), ENCODERS, ("static",)):
        for node in quantize_prepared(digits, choice.options).network.nodes:
            encoding = getattr(node.operator, "encoding", None)
            if encoding is not None:
                found.update(encoding.codes.tobytes() + encoding.multipliers.tobytes())
    return found.hexdigest()[:16]


def sha(values: np.ndarray) -> str:
    """Return a short hash of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:8]


def journal(key: str, measure: Callable[[], Any]) -> Any:
    """Return what the journal has under `key`; what `measure` returns is written to it before."""
    if key not in journalled():
        started = time.monotonic()
        found = json.loads(json.dumps(measure()))
        print(f"{time.monotonic() - started:.1f} s {key}", file=sys.stderr, flush=True)
        JOURNAL.parent.mkdir(exist_ok=True)
        with JOURNAL.open("a") as file:
            file.write(json.dumps({"behaviour": behaviour(), "key": key, "found": found}) + "\n")
        journalled()[key] = found
    return journalled()[key]


def main(arguments: Sequence[str]) -> None:
    """Measure the sections, or all; write docs/accuracy.json and docs/accuracy.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--encoder", action="append", choices=ENCODERS)
    parser.add_argument("--variant", action="append", choices=VARIANTS)
    given = parser.parse_args(arguments)
    some = given.sections or given.encoder or given.variant
    data = json.loads(NUMBERS.read_text()) if some else {}
    data["npusim_version"] = npusim.__version__
    for name in given.sections or (*TABLES, *WHOLE):
        if name in WHOLE:
            data[name] = journal(name, WHOLE[name])
        else:
            old = data.get(name, {})
            only = Only(given.encoder or ENCODERS, given.variant or VARIANTS)
            found = TABLES[name](only).items()
            data[name] = {part: merged(old.get(part, {}), table) for part, table in found}
        NUMBERS.write_text(json.dumps(data, indent=1) + "\n")
    PAGE.write_text(page(data, FLOORS, GOALS))
    print(PAGE)


if __name__ == "__main__":
    main(sys.argv[1:])
