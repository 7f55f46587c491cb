"""A row of the comparison: one scheme on one network, a task that any process can carry out.

The float network's outputs and the calibration are the same for all rows: a process makes them
once, and keeps those of the latest comparison.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import cached_property
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.analysis.top1 import classes, percent_equal
from npusim.codes.schemes import MIXED
from npusim.cost.area import area_um2
from npusim.engines.estimate import estimate
from npusim.errors import CapacityError, NpuError
from npusim.explore.budget import Budget, layer_sensitivities, within_budget
from npusim.explore.compare_pictures import PICTURED_BITS, grid, pictured
from npusim.explore.sweep.tasks import Outcome, array_key, digest, latest, sha256
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.quant.coded import sqnr_db
from npusim.quant.dequantize import real_samples
from npusim.quant.float_network import run_float
from npusim.quant.layer_errors import layer_errors
from npusim.quant.options import Options
from npusim.quant.quantize import Prepared, Quantized, prepare, quantize_prepared


@dataclass(frozen=True)
class Choice:
    """One row to be: a variant at a number of bits, by an encoder and under a bias correction."""

    variant: str
    encoder: str
    options: Options
    budget: Budget | None = None
    """Chooses the layers' schemes and bits, in place of those of `options`."""

    @property
    def name(self) -> str:
        """The variant, and the bits where all layers have the same."""
        return self.variant if self.budget else f"{self.variant} {self.options.bits}"


@dataclass(frozen=True, eq=False)
class Subject:
    """What all rows of a comparison are about."""

    network: Network
    """Float, or of integers whose weights are taken as real values."""
    calibrate: NDArray
    """[N ...] in the layout of the network's input, as npusim.compare takes them."""
    evaluate: NDArray | None
    """Samples to judge on; those of `calibrate` where None."""
    labels: NDArray[np.int64] | None
    machine: Machine | None
    layer_errors: bool = False
    """Whether rows have what each layer's codes do to the network's output."""

    @cached_property
    def key(self) -> str:
        """A hash of everything that decides the rows, the choice of each left out."""
        return digest(
            {
                "network": sha256(pickle.dumps(self.network)),
                "calibrate": array_key(self.calibrate),
                "evaluate": array_key(self.evaluate),
                "labels": array_key(self.labels),
                "machine": None if self.machine is None else self.machine.to_toml(),
                "layer_errors": self.layer_errors,
            }
        )


@dataclass(frozen=True, eq=False)
class Reference:
    """The float network ready for the encoders, and what it says of the samples."""

    prepared: Prepared
    samples: NDArray
    """[N ...] real values, in the layout of the network's input."""
    outputs: NDArray[np.float64]
    """[N ...] of the first output."""


def reference_of(subject: Subject, threads: int | None) -> Reference:
    """Return the reference of a comparison, made once in each process.

    Raises
    ------
    NpuError
        As the quantizer.
    """

    def made() -> Reference:
        given = subject.calibrate if subject.evaluate is None else subject.evaluate
        samples = real_samples(subject.network, given)
        prepared = prepare(subject.network, subject.calibrate, threads)
        outputs = run_float(prepared.network, samples, threads=threads)
        return Reference(prepared, samples, outputs[prepared.network.outputs[0]])

    found: Reference = latest("reference", subject.key, made)
    return found


def row_of(subject: Subject, choice: Choice, threads: int | None) -> Outcome:
    """Return the row of a choice, and the grids of the pictured layers; a worker's task."""
    try:
        reference = reference_of(subject, threads)
        options = choice.options
        if choice.budget is not None:
            found = latest(
                "sensitivities",
                f"{subject.key} {options}",
                lambda: layer_sensitivities(reference.prepared, options, threads=threads),
            )
            options = within_budget(
                reference.prepared, options, choice.budget, machine=subject.machine, found=found,
                threads=threads,
            )  # fmt: skip
        quantized = quantize_prepared(reference.prepared, options, threads=threads)
        row = measured_row(
            choice, quantized, reference.outputs, reference.samples, subject.labels, threads or 1
        )
        if subject.layer_errors:
            _add_layer_errors(row, reference.prepared, quantized, threads)
        if subject.machine is not None:
            row |= _cost(quantized.network, subject.machine)
    except NpuError as error:
        return Outcome({}, str(error), final=False)
    grids = {}
    if choice.budget is None and choice.options.bits == PICTURED_BITS:
        grids = {layer: grid(quantized, layer) for layer in pictured(reference.prepared)}
    return Outcome({"row": row, "grids": grids})


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
        "scheme": MIXED if choice.budget else choice.options.scheme,
        "bits": None if choice.budget else choice.options.bits,
        "encoder": choice.encoder,
        "bias_correction": choice.options.bias_correction,
        "bytes": -(-stored_bits // 8),
        "stored_bits_per_weight": stored_bits / weights,
        "code_bits_per_weight": sum(layer.code_bits for layer in quantized.layers) / weights,
        "output_sqnr_db": _number(sqnr_db(reference, real)),
        "layers": [
            {
                "name": layer.name,
                "scheme": layer.scheme,
                "bits": layer.bits,
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


def _add_layer_errors(
    row: dict[str, Any], prepared: Prepared, quantized: Quantized, threads: int | None
) -> None:
    """Add to each layer of a row the output's SQNR with its codes alone, all but it, up to it."""
    for layer, found in zip(row["layers"], layer_errors(prepared, quantized, threads), strict=True):
        for key in ("alone", "all_but", "cumulative"):
            share = getattr(found, key)
            layer[f"{key}_db"] = -10 * log10(share) if share else None


def _cost(network: Network, machine: Machine) -> dict[str, Any]:
    """Return cycles, energy and area of `network` on `machine`, or why it cannot run there."""
    try:
        found = estimate(network, machine, "half_up")
    except CapacityError as error:
        return {"machine_error": str(error)}
    area = area_um2(machine, machine.energy.technology)["total"]
    return {
        "cycles": found.cycles, "energy_pj": found.energy_pj, "host_cycles": found.host_cycles,
        "host_energy_pj": found.host_energy_pj, "area_um2": area,
    }  # fmt: skip


def _number(value: float) -> float | None:
    """Return `value`, or None where it is no finite number (JSON has none)."""
    return value if np.isfinite(value) else None
