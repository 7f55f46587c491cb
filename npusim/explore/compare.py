"""Every scheme on one network: quality, accuracy, bytes and cost on a machine side by side.

The float network runs once as the reference; it is calibrated once; then each variant of a scheme
is quantized at each number of bits, executed bit-exactly, and compared. The result is plain data:
the table, the CSV file and the page show nothing that is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npusim
from npusim.analysis.pareto import on_front
from npusim.analysis.top1 import classes, percent_equal
from npusim.codes.schemes import SCHEME_BITS, SCHEME_FAMILIES
from npusim.cost.area import area_um2
from npusim.engines.estimate import estimate
from npusim.errors import CapacityError, ShapeError, UnsupportedError, suggested
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.quant.coded import sqnr_db
from npusim.quant.dequantize import real_samples
from npusim.quant.float_network import canonical_samples, constant, run_float
from npusim.quant.levels import levels
from npusim.quant.options import Options, as_published
from npusim.quant.quantize import Prepared, Quantized, prepare, quantize_prepared
from npusim.words import JSON_VERSION, PUBLISHED

VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"scheme": name} for name in SCHEME_FAMILIES},
    "uniform-min-max": {"scheme": "uniform", "clip": "min-max"},
    "uniform-layer": {"scheme": "uniform", "per_layer": True},
    "pwlq-paper": {"scheme": "pwlq", "breakpoint": "gaussian", "grid": "paper"},
    "subset-normalized": {"scheme": "subset", "normalize": "channel"},
    "subset+wes": {"scheme": "subset+wes"},
    "multipoint-1.25": {"scheme": "multipoint", "points": 1.25},
    "multipoint-2": {"scheme": "multipoint", "points": 2.0},
    "multipoint-3": {"scheme": "multipoint", "points": 3.0},
}
"""Schemes with the settings that matter, by the names that --schemes takes."""
DEFAULT_VARIANTS = ("uniform", "wes", "pwlq", "subset", "subset-normalized", "multipoint-2")
DEFAULT_BITS = (8, 6, 4, 3, 2)
HISTOGRAM_BINS = 61
PICTURED_LAYERS = 4
MOST_LEVELS = 512
PICTURED_BITS = 4


Progress = Callable[[str, int, int], None]
"""Called with what comes next, how many rows are done, and how many there are."""


@dataclass(frozen=True)
class Choice:
    """One row to be: a variant at a number of bits, by an encoder and under a bias correction."""

    variant: str
    encoder: str
    options: Options


def choices(
    variants: Sequence[str],
    bits: Sequence[int],
    encoders: Sequence[str],
    corrections: Sequence[str],
) -> list[Choice]:
    """Return every combination that is defined; `published` has the paper's correction alone.

    Raises
    ------
    UnsupportedError
        There is no such variant, encoder or correction.
    """
    for name in variants:
        if name not in VARIANTS:
            raise UnsupportedError(
                f"--schemes: expected names of {', '.join(VARIANTS)}, found {name!r}"
                + suggested(name, VARIANTS)
            )
    found = []
    for name in variants:
        least, most = SCHEME_BITS[VARIANTS[name]["scheme"]]
        for b in bits:
            if not least <= b <= most:
                continue
            for encoder in encoders:
                settings: dict[str, Any] = {**VARIANTS[name], "bits": b}
                if encoder == PUBLISHED:
                    found.append(Choice(name, encoder, as_published(**settings)))
                    continue
                for correction in corrections:
                    options = Options(**settings, encoder=encoder, bias_correction=correction)  # type: ignore[arg-type]
                    found.append(Choice(name, encoder, options))
    if not found:
        raise UnsupportedError(f"--bits: no scheme is defined at {', '.join(map(str, bits))} bits")
    return found


def compare(
    network: Network,
    calibrate: NDArray,
    *,
    schemes: Sequence[str] = DEFAULT_VARIANTS,
    bits: Sequence[int] = DEFAULT_BITS,
    encoders: Sequence[str] = (Options.encoder,),
    bias_corrections: Sequence[str] = (Options.bias_correction,),
    evaluate: NDArray | None = None,
    labels: NDArray[np.int64] | None = None,
    machine: str | Machine | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the comparison as JSON-ready values; docs/json.md describes the keys.

    Parameters
    ----------
    network
        A float network, or an integer one whose weights are taken as real values.
    calibrate, evaluate : array [N ...]
        Samples in the layout of the network's input, real values or codes of an integer network;
        the calibration samples are evaluated where there are no others.
    schemes, bits, encoders, bias_corrections
        Names of VARIANTS, bits of the multiply, names of words.ENCODERS or `published`, and names
        of words.BIAS_CORRECTIONS: every combination that is defined is a row.
    labels : int64 [N], optional
        Classes of the evaluation samples.
    machine
        Adds each row's cycles and energy on this machine, and the machine's area.
    progress
        Called with what comes next, how many rows are done, and how many there are.

    Raises
    ------
    NpuError
        As the quantizer; labels that are not one a sample; a scheme, encoder or correction
        that there is not.
    """
    chosen = choices(schemes, bits, encoders, bias_corrections)
    target = None if machine is None else Machine.of(machine)
    samples = real_samples(network, calibrate if evaluate is None else evaluate)
    prepared = prepare(network, calibrate, threads)
    x = canonical_samples(prepared.network, samples)
    if labels is not None and len(labels) != len(x):
        raise ShapeError(f"expected {len(x)} labels, found {len(labels)}")
    name = prepared.network.outputs[0]
    reference = run_float(prepared.network, samples, threads=threads)[name]
    rows, pictured = [], _pictured(prepared)
    grids: dict[str, dict[str, Any]] = {layer: {} for layer in pictured}
    for i, choice in enumerate(chosen):
        if progress is not None:
            progress(f"{choice.variant} {choice.options.bits}", i, len(chosen))
        quantized = quantize_prepared(prepared, choice.options, threads=threads)
        row = measured_row(choice, quantized, reference, samples, labels, threads or 1)
        rows.append(row if target is None else row | _cost(quantized.network, target))
        if choice.options.bits == PICTURED_BITS:
            for layer in pictured:
                if choice.variant not in grids[layer]:
                    grids[layer][choice.variant] = _grid(quantized, layer)
    result: dict[str, Any] = {
        "npusim_version": npusim.__version__,
        "json_version": JSON_VERSION,
        "model": network.name,
        "notes": list(prepared.network.notes),
        "calibration_samples": len(np.atleast_1d(calibrate)),
        "evaluation_samples": len(x),
        "output": name,
        "classes": reference[0].size,
        "float": {"bytes": _float_bytes(prepared.network)},
        "rows": rows,
        "histograms": [
            {"layer": layer, **_histogram(prepared, layer), "grids": grids[layer]}
            for layer in pictured
        ],
    }
    if target is not None:
        result["machine"] = target.name
    if labels is not None:
        result["float"]["accuracy"] = percent_equal(classes(reference), labels)
    result["ranked_by"] = quality_key(rows)
    mark_front(rows, result["ranked_by"])
    return result


def measured_row(
    choice: Choice,
    quantized: Quantized,
    reference: NDArray[np.float64],
    samples: NDArray,
    labels: NDArray[np.int64] | None,
    threads: int,
) -> dict[str, Any]:
    """Return one row: what `quantized` keeps of the float outputs `reference` on `samples`."""
    from npusim.prepared.engine import prepare as prepare_engine

    network = quantized.network
    name = network.outputs[0]
    tensor = network.tensors[name]
    engine = prepare_engine(network, "half_up")
    integers = tensor.from_file_order(
        engine.run(np.asarray(samples, np.float32), threads=threads)[name]
    )
    q = tensor.quantization
    assert q is not None
    real = (integers.astype(np.float64) - int(q.zero_point)) * float(q.scale)
    weights = sum(layer.weights for layer in quantized.layers)
    stored_bits = sum(layer.stored_bits for layer in quantized.layers)
    row: dict[str, Any] = {
        "variant": choice.variant,
        "scheme": choice.options.scheme,
        "bits": choice.options.bits,
        "encoder": choice.encoder,
        "bias_correction": choice.options.bias_correction,
        "bytes": -(-stored_bits // 8),
        "stored_bits_per_weight": stored_bits / weights,
        "code_bits_per_weight": sum(layer.code_bits for layer in quantized.layers) / weights,
        "output_sqnr_db": _number(sqnr_db(reference, real)),
        "layers": [
            {
                "name": layer.name,
                "weights": layer.weights,
                "sqnr_db": _number(layer.sqnr_db),
                "output_sqnr_db": _number(layer.output_sqnr_db),
                "bytes": -(-layer.stored_bits // 8),
                "points": layer.points,
                "magnitudes": list(layer.magnitudes),
                "channels_at_shift_15": layer.largest_shifts,
                "channels_with_shift_capped": layer.capped_shifts,
                "dead_channels": layer.dead_channels,
            }
            for layer in quantized.layers
        ],
    }
    if reference.shape[-1] > 1:
        row["agreement"] = percent_equal(classes(real), classes(reference))
    if labels is not None:
        row["accuracy"] = percent_equal(classes(real), labels)
    return row


def _cost(network: Network, machine: Machine) -> dict[str, Any]:
    """Return cycles, energy and area of `network` on `machine`, or why it cannot run there."""
    try:
        found = estimate(network, machine, "half_up")
    except CapacityError as error:
        return {"machine_error": str(error)}
    area = area_um2(machine, machine.energy.technology)["total"]
    return {"cycles": found.cycles, "energy_pj": found.energy_pj, "area_um2": area}


def _number(value: float) -> float | None:
    """Return `value`, or None where it is no finite number (JSON has none)."""
    return value if np.isfinite(value) else None


def quality_key(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what rows are ranked by: accuracy, else agreement, else output SQNR."""
    for key in ("accuracy", "agreement"):
        if all(key in row for row in rows):
            return key
    return "output_sqnr_db"


def mark_front(rows: list[dict[str, Any]], key: str) -> None:
    """Set `pareto` on each row: no other is better in bytes or `key` and as good in the other."""
    worst = float("-inf")
    costs = [(row["bytes"], -(worst if row[key] is None else row[key])) for row in rows]
    for row, best in zip(rows, on_front(costs), strict=True):
        row["pareto"] = bool(best)


def _linear(network: Network) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for node in network.nodes:
        if node.kind in ("Conv2D", "FullyConnected"):
            w = network.tensors[node.inputs[1]]
            yield node.name, constant(w).reshape(w.shape[0], -1)


def _float_bytes(network: Network) -> int:
    return sum(4 * (weights.size + len(weights)) for _, weights in _linear(network))


def _pictured(prepared: Prepared) -> list[str]:
    """Return the layers to draw: the first, the last, and the largest between."""
    names = [name for name, _ in _linear(prepared.network)]
    sizes = {name: weights.size for name, weights in _linear(prepared.network)}
    inner = sorted(names[1:-1], key=lambda name: -sizes[name])[: PICTURED_LAYERS - 2]
    return [name for name in names if name in {names[0], names[-1], *inner}]


def _histogram(prepared: Prepared, layer: str) -> dict[str, Any]:
    """Return the layer's weights, each over the greatest of its channel, in bins of -1..1."""
    weights = dict(_linear(prepared.network))[layer]
    ranges = np.abs(weights).max(axis=1)
    relative = weights[ranges > 0] / ranges[ranges > 0][:, None]
    counts, edges = np.histogram(relative, HISTOGRAM_BINS, (-1.0, 1.0))
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def _grid(quantized: Quantized, layer: str) -> dict[str, Any]:
    """Return the grid of the live channel of median range, over that range."""
    coded = quantized.coded[layer]
    ranges = np.abs(coded.real()).max(axis=1)
    live = np.flatnonzero(ranges > 0)
    if not len(live):
        return {"channel": 0, "levels": []}
    channel = int(live[np.argsort(ranges[live], kind="stable")[len(live) // 2]])
    values = levels(coded, channel) / ranges[channel]
    step = max(1, -(-len(values) // MOST_LEVELS))
    return {"channel": channel, "levels": values[::step].tolist()}
