"""From a float network and calibration samples to a network of codes and integer constants.

    float network -> fold -> calibrate -> per layer: encode, correct the bias, epilogue -> Network

Activations are int8, one scale and zero point a tensor; operators that only move or select values
(pools, pad, reshape, transpose, slice) keep their input's. Softmax and normalizations are computed
in float32 between int8 values. The rounding is half_up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.arguments import require_count, require_type
from npusim.errors import UnsupportedError, suggested
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.operators.forms.own_float import FLOAT, ISLAND
from npusim.operators.gather import Gather
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF
from npusim.operators.pick import Pick
from npusim.quant.calibrate import Calibration, activation_quantization, calibrate
from npusim.quant.coded import CodedWeights
from npusim.quant.dequantize import dequantized, real_samples
from npusim.quant.equalize import equalized
from npusim.quant.float_network import (
    Given,
    Samples,
    by_name,
    canonical_samples,
    constant,
)
from npusim.quant.fold import fold
from npusim.quant.kept_layers import KeptLayers
from npusim.quant.layer import LayerRecord, quantize_layer
from npusim.quant.options import EXEMPT_SCHEME, WIDE_POINTS, WIDE_SCHEME, Options, with_default_bits
from npusim.quant.recipe import recipe_text
from npusim.quant.rewrite import rewrite
from npusim.quant.two_paths import TwoPaths, to_int8, to_real

KEEPS_SCALE = (op.AveragePool, op.MaxPool, op.Pad, op.Reshape, op.Transpose, op.Slice, Pick)
"""Operators whose outputs are values of their input; every other one's output has its own scale."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A float network ready for the encoders: folded, and calibrated once for all schemes."""

    network: Network
    calibration: Calibration
    samples: Samples
    """What it was calibrated on."""
    equalized: bool = False
    input_scales: Mapping[str, Quantization] = field(default_factory=dict)
    """Of inputs that were int8 before: codes of theirs mean what they meant."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """A quantized network; of each linear layer the record and what its codes stand for."""

    network: Network
    layers: tuple[LayerRecord, ...]
    coded: Mapping[str, CodedWeights]
    biases: Mapping[str, NDArray[np.float64]]
    """Of each linear layer [OC], corrected, in real values."""


def prepare(
    network: Network, samples: Given, threads: int | None = None, equalize: bool = False
) -> Prepared:
    """Return `network` (float, or integer taken as real values) folded and calibrated.

    With `equalize` the weights' ranges are evened out between layers first.
    `samples` [N ...], of several inputs by their names, are in the file's layout: real values, or
    codes of an integer network; integers where the network takes integers, such as indices.
    """
    require_type("network", network, Network, hint="npusim.load makes one")
    require_count("threads", threads)
    given = by_name(network, samples)
    kept = {name: q for name in network.inputs if (q := _input_scale(network.tensors[name]))}
    reals = {name: real_samples(network, x, name) for name, x in given.items()}
    if any(
        len(node.inputs) == 1 or network.tensors[node.inputs[1]].dtype.kind in "iu"
        for node in network.nodes
        if isinstance(node.operator, op.Conv2D | op.FullyConnected)
    ):  # one input: the weights are coded, which dequantized refuses
        network = dequantized(network)
    folded = fold(rewrite(network))
    if equalize:
        folded = equalized(folded)
    for name, x in reals.items():
        if folded.tensors[name].is_float and not network.tensors[name].is_float:
            reals[name] = x.astype(np.float32)
    canonical = canonical_samples(folded, reals)
    return Prepared(folded, calibrate(folded, canonical, threads), canonical, equalize, kept)


def _input_scale(tensor: Tensor) -> Quantization | None:
    q = tensor.quantization
    return q if tensor.dtype == np.int8 and q is not None and q.axis is None else None


def quantize(
    network: Network,
    calibrate: Given,
    *,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    keep: Path | None = None,
    **settings: Any,
) -> Network:
    """Return `network` quantized: codes, integer constants and int8 activations, source `npusim`.

    Parameters
    ----------
    network
        A float network, see `npusim.load`; the weights of an integer one are taken as real values.
    calibrate : array [N ...], or a mapping of them
        Samples in the layout of the network's input: real values, or codes of an integer network.
        Those of several inputs by the inputs' names.
    progress
        Called with (layers done, layers in all).
    keep
        A folder for finished layers: where there are some of the same quantization, as after an
        interruption, it goes on behind them.
    settings
        The fields of `npusim.quant.options.Options`: scheme, bits, layers, bias_correction, ...

    Raises
    ------
    NpuError
        One line: a setting outside its range, a layer that does not exist, samples or weights that
        are not finite, an operator that cannot be quantized, constants that do not fit.
    """
    options = Options(**with_default_bits(settings))
    prepared = prepare(network, calibrate, threads, options.equalize)
    return quantize_prepared(prepared, options, progress, threads, keep).network


def quantize_prepared(
    prepared: Prepared,
    options: Options,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    keep: Path | None = None,
) -> Quantized:
    """Return the quantization of a prepared network under `options`.

    `progress` is called with (layers done, layers in all); `threads` are the cores to use, all
    when None: the result does not depend on them. `keep` is as in `quantize`.
    """
    threads = threads or os.cpu_count() or 1
    if options.equalize != prepared.equalized:
        raise UnsupportedError("equalize: the network was prepared with the other choice")
    network, calibration = prepared.network, prepared.calibration
    linear = [node for node in network.nodes if is_linear(node)]
    schemes = layer_choices([node.name for node in linear], options)
    scales = quantizations(prepared, options)
    tensors: dict[str, Tensor] = {}
    for name in (*network.inputs, *(node.outputs[0] for node in network.nodes)):
        tensors[name] = (
            _activation(network, name, scales[name]) if name in scales else network.tensors[name]
        )
    nodes, every, biases = [], {}, {}
    records: list[LayerRecord] = []
    settings = recipe_text(options) + "".join(map(repr, prepared.input_scales.items()))
    kept = keep and KeptLayers.of(keep, network, prepared.samples, settings)
    paths = None
    if options.encoder != "nearest":
        paths = TwoPaths(network, prepared.samples, scales, threads)
    for node in network.nodes:
        if is_linear(node):
            layer = kept.get(len(records), node.name) if kept else None
            if layer is None:
                sums = None if paths is None else paths.moments(node)
                layer = quantize_layer(
                    network, node, calibration, *schemes[node.name], options.of_layer(node.name),
                    scales, sums, threads,
                )  # fmt: skip
                if kept:
                    kept.put(len(records), layer)
            every[node.name] = layer.coded
            biases[node.name] = layer.bias
            records.append(layer.record)
            if paths is not None:
                real = layer.coded.real().reshape(network.tensors[node.inputs[1]].shape)
                paths.advance(node, {node.inputs[1]: real}, layer.bias)
            operator: Any = node.operator
            nodes.append(
                replace(node, operator=operator.with_codes(layer.encoding), inputs=node.inputs[:1])
            )
            if progress is not None:
                progress(len(records), len(linear))
        else:
            island = _is_island(node)
            nodes.append(replace(node, group=ISLAND) if island else node)
            constants = {}
            for name in node.inputs:
                if network.tensors[name].is_constant and island:
                    tensors[name] = network.tensors[name]
                elif network.tensors[name].is_constant:
                    tensors[name], constants[name] = _constant(network.tensors[name])
            if paths is not None:
                paths.advance(node, constants)
    return Quantized(
        Network(
            network.name,
            "npusim",
            tuple(nodes),
            tensors,
            network.inputs,
            network.outputs,
            network.notes,
        ),
        tuple(records),
        every,
        biases,
    )


def is_linear(node: Node) -> bool:
    """Return whether the node has weights to encode."""
    return isinstance(node.operator, op.Conv2D | op.FullyConnected)


def _is_island(node: Node) -> bool:
    """Return whether the operator has a form in float32 alone."""
    forms = PAGE_OF[type(node.operator)].own
    return not isinstance(forms, Absent) and all(form.name.startswith(FLOAT) for form in forms)


def _has_form(network: Network, node: Node) -> bool:
    """Return whether npusim's own files have the operator, an island as it will stand there."""
    forms = PAGE_OF[type(node.operator)].own
    if isinstance(forms, Absent) or not _is_island(node):
        return not isinstance(forms, Absent)
    return any(form.suits(network, replace(node, group=ISLAND)) for form in forms)


def layer_choices(layers: list[str], options: Options) -> dict[str, tuple[str, int]]:
    """Return (scheme, bits) of every linear layer, in order.

    Raises
    ------
    UnsupportedError
        `options.layers`, `int16` or `float32` names, or has a pattern for, no layer of these.
    """
    chosen = dict.fromkeys(layers, (options.scheme, options.bits))
    if options.exempt in ("first", "both") and layers:
        chosen[layers[0]] = EXEMPT_SCHEME
    if options.exempt in ("last", "both") and layers:
        chosen[layers[-1]] = EXEMPT_SCHEME
    patterns = {name: choice for name, choice in options.layers.items() if name not in chosen}
    asked = [("layer", name) for name in patterns]
    for wide in WIDE_POINTS:
        names = [name for name in getattr(options, wide) if name not in chosen]
        asked += [(wide.removesuffix("32"), name) for name in names]
    for option, pattern in asked:
        if not any(fnmatchcase(name, pattern) for name in layers):
            raise UnsupportedError(
                f"--{option} {pattern}: expected one of {', '.join(layers)}, or a pattern of them"
                + suggested(pattern, layers)
            )
    for name in layers:
        fitting = (choice for pattern, choice in patterns.items() if fnmatchcase(name, pattern))
        chosen[name] = options.layers.get(name) or next(fitting, chosen[name])
        if options.wide_points(name):
            chosen[name] = WIDE_SCHEME
    return chosen


def quantizations(prepared: Prepared, options: Options) -> dict[str, Quantization]:
    """Return the int8 quantization of every tensor that is not constant."""
    network, calibration = prepared.network, prepared.calibration

    def own(name: str) -> Quantization:
        return activation_quantization(*calibration.clipped_range(name, options.activations))

    scales = {
        name: prepared.input_scales.get(name) or own(name)
        for name in network.inputs
        if network.tensors[name].is_float
    }
    for node in network.nodes:
        if isinstance(node.operator, KEEPS_SCALE) and node.inputs[0] in scales:
            scales[node.outputs[0]] = scales[node.inputs[0]]
        elif _has_form(network, node) and isinstance(node.operator, Gather):
            scales[node.outputs[0]] = _constant_quantization(network.tensors[node.inputs[0]])
        elif not _has_form(network, node) or len(node.outputs) > 1:
            raise UnsupportedError(f"{node.name}: {node.kind} has no int8 form here")
        else:
            scales[node.outputs[0]] = own(node.outputs[0])
    return scales


def _activation(network: Network, name: str, q: Quantization) -> Tensor:
    tensor = network.tensors[name]
    is_end = name in network.inputs or name in network.outputs
    order = tensor.file_order if is_end else None
    return Tensor(name, tensor.shape, np.dtype(np.int8), q, None, order)


def _constant(tensor: Tensor) -> tuple[Tensor, NDArray[np.float64]]:
    """Return a constant as int8, and the real values that it then has."""
    q = _constant_quantization(tensor)
    integers = to_int8(constant(tensor), q)
    return Tensor(tensor.name, tensor.shape, np.dtype(np.int8), q, integers), to_real(integers, q)


def _constant_quantization(tensor: Tensor) -> Quantization:
    values = constant(tensor)
    return activation_quantization(float(values.min()), float(values.max()))
