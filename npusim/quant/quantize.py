"""From a float network and calibration samples to a network of codes and integer constants.

    float network -> fold -> calibrate -> per layer: encode, correct the bias, epilogue -> Network

Activations are int8, one scale and zero point a tensor; operators that only move or select values
(pools, pad, reshape, transpose, slice) keep their input's. The rounding is half_up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.graph.weights import EncodedWeights
from npusim.quant.bias_correction import paper_correction, static_correction
from npusim.quant.calibrate import Calibration, activation_quantization, calibrate
from npusim.quant.coded import CodedWeights, live_channels, sqnr_db
from npusim.quant.dequantize import dequantized
from npusim.quant.epilogue import Epilogue, encoded_weights
from npusim.quant.float_network import constant
from npusim.quant.fold import fold
from npusim.quant.options import EXEMPT_SCHEME, Options
from npusim.quant.schemes import LayerInputs, encode_layer

KEEPS_SCALE = (op.AveragePool, op.MaxPool, op.Pad, op.Reshape, op.Transpose, op.Slice)
OWN_SCALE = (
    op.Conv2D, op.FullyConnected, op.Add, op.Mul, op.Mean, op.Concat, op.Clip, op.Sigmoid, op.Tanh,
    op.LeakyRelu, op.HardSwish,
)  # fmt: skip
LARGEST_CHANNEL_SHIFT = 15


@dataclass(frozen=True, eq=False)
class Prepared:
    """A float network ready for the encoders: folded, and calibrated once for all schemes."""

    network: Network
    calibration: Calibration


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """What quantizing one layer gave.

    `code_bits` counts the codes alone, `stored_bits` everything the layer keeps. `sqnr_db` compares
    the weights that the codes stand for with the float ones (inf where equal); `largest_shifts`
    counts wes channels at n_c = 15 and `capped_shifts` those lowered to fit.
    """

    name: str
    scheme: str
    bits: int
    weights: int
    sqnr_db: float
    code_bits: int
    stored_bits: int
    points: float
    magnitudes: tuple[int, ...]
    largest_shifts: int
    capped_shifts: int
    dead_channels: int


@dataclass(frozen=True, eq=False)
class Quantized:
    """A quantized network; of each linear layer the record and what its codes stand for."""

    network: Network
    layers: tuple[LayerRecord, ...]
    coded: Mapping[str, CodedWeights]


def prepare(network: Network, samples: NDArray, threads: int | None = None) -> Prepared:
    """Return `network` (float, or integer taken as real values) folded and calibrated.

    `samples` [N ...] are in the file's layout of the network's input.
    """
    if any(
        len(node.inputs) == 1 or network.tensors[node.inputs[1]].dtype.kind in "iu"
        for node in network.nodes
        if isinstance(node.operator, op.Conv2D | op.FullyConnected)
    ):  # one input: the weights are coded, which dequantized refuses
        network = dequantized(network)
    folded = fold(network)
    return Prepared(folded, calibrate(folded, samples, threads))


def quantize(
    network: Network,
    calibrate: NDArray,
    *,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    **settings: Any,
) -> Network:
    """Return `network` quantized: codes, integer constants and int8 activations, source `npusim`.

    Parameters
    ----------
    network
        A float network, see `npusim.load`; the weights of an integer one are taken as real values.
    calibrate : array [N ...]
        Samples in the layout of the network's input.
    progress
        Called with (layers done, layers in all).
    settings
        The fields of `npusim.quant.options.Options`: scheme, bits, layers, bias_correction, ...

    Raises
    ------
    NpuError
        One line: a setting outside its range, a layer that does not exist, samples or weights that
        are not finite, an operator that cannot be quantized, constants that do not fit.
    """
    prepared = prepare(network, calibrate, threads)
    return quantize_prepared(prepared, Options(**settings), progress).network


def quantize_prepared(
    prepared: Prepared, options: Options, progress: Callable[[int, int], None] | None = None
) -> Quantized:
    """Return the quantization of a prepared network under `options`."""
    network, calibration = prepared.network, prepared.calibration
    linear = [node for node in network.nodes if _is_linear(node)]
    schemes = _schemes(network, [node.name for node in linear], options)
    scales = _quantizations(network, calibration, options)
    tensors: dict[str, Tensor] = {}
    for name in (*network.inputs, *(node.outputs[0] for node in network.nodes)):
        tensors[name] = _activation(network, name, scales[name])
    nodes, records, every = [], [], {}
    for node in network.nodes:
        if _is_linear(node):
            layer = _layer(network, node, calibration)
            encoding, record, every[node.name] = _quantize_layer(
                network, node, layer, *schemes[node.name], options, scales
            )
            operator: Any = node.operator
            nodes.append(
                replace(node, operator=replace(operator, encoding=encoding), inputs=node.inputs[:1])
            )
            records.append(record)
            if progress is not None:
                progress(len(records), len(linear))
        else:
            nodes.append(node)
            for name in node.inputs:
                if network.tensors[name].is_constant:
                    tensors[name] = _constant(network.tensors[name])
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
    )


def _is_linear(node: Node) -> bool:
    return isinstance(node.operator, op.Conv2D | op.FullyConnected)


def _schemes(network: Network, layers: list[str], options: Options) -> dict[str, tuple[str, int]]:
    unknown = [name for name in options.layers if name not in layers]
    if unknown:
        raise UnsupportedError(f"--layer {unknown[0]}: expected one of {', '.join(layers)}")
    chosen = dict.fromkeys(layers, (options.scheme, options.bits))
    if options.exempt in ("first", "both") and layers:
        chosen[layers[0]] = EXEMPT_SCHEME
    if options.exempt in ("last", "both") and layers:
        chosen[layers[-1]] = EXEMPT_SCHEME
    return {**chosen, **options.layers}


def _quantizations(
    network: Network, calibration: Calibration, options: Options
) -> dict[str, Quantization]:
    def own(name: str) -> Quantization:
        return activation_quantization(*calibration.clipped_range(name, options.activations))

    scales = {name: own(name) for name in network.inputs}
    for node in network.nodes:
        if isinstance(node.operator, KEEPS_SCALE):
            scales[node.outputs[0]] = scales[node.inputs[0]]
        elif isinstance(node.operator, OWN_SCALE):
            scales[node.outputs[0]] = own(node.outputs[0])
        else:
            raise UnsupportedError(
                f"{node.name}: {node.kind} has no int8 form here (a softmax only at the end)"
            )
    return scales


def _activation(network: Network, name: str, q: Quantization) -> Tensor:
    tensor = network.tensors[name]
    is_end = name in network.inputs or name in network.outputs
    order = tensor.file_order if is_end else None
    return Tensor(name, tensor.shape, np.dtype(np.int8), q, None, order)


def _constant(tensor: Tensor) -> Tensor:
    values = constant(tensor)
    q = activation_quantization(float(values.min()), float(values.max()))
    integers = np.clip(np.rint(values / float(q.scale)) + int(q.zero_point), -128, 127)
    return Tensor(tensor.name, tensor.shape, np.dtype(np.int8), q, integers.astype(np.int8))


def _layer(network: Network, node: Node, calibration: Calibration) -> LayerInputs:
    w = network.inputs_of(node)[1]
    weights = constant(w).reshape(w.shape[0], -1)
    groups = node.operator.groups if isinstance(node.operator, op.Conv2D) else 1
    seen, mean = calibration.windows[node.name], calibration.mean_window[node.name]
    columns = mean.shape[-1] // groups
    windows = np.stack(
        [seen[..., g * columns : (g + 1) * columns].reshape(len(seen), -1) for g in range(groups)]
    )
    means = np.stack(
        [mean[..., g * columns : (g + 1) * columns].reshape(-1) for g in range(groups)]
    )
    return LayerInputs(weights, windows, np.repeat(means, len(weights) // groups, axis=0))


def _quantize_layer(
    network: Network,
    node: Node,
    layer: LayerInputs,
    scheme: str,
    bits: int,
    options: Options,
    scales: dict[str, Quantization],
) -> tuple[EncodedWeights, LayerRecord, CodedWeights]:
    inputs = network.inputs_of(node)
    bias = constant(inputs[2]).reshape(-1) if len(inputs) > 2 else np.zeros(len(layer.weights))
    x, y = scales[node.inputs[0]], scales[node.outputs[0]]
    cap: NDArray[np.int64] | None = None
    while True:
        coded = encode_layer(layer, scheme, bits, options, cap)
        corrected, shifted = coded, bias
        if options.bias_correction == "paper":
            corrected = paper_correction(layer.weights, coded)
        elif options.bias_correction == "static":
            shifted = bias + static_correction(layer.weights, coded, layer.mean_window)
        epilogue = Epilogue(
            node.name, corrected, shifted, float(x.scale), int(x.zero_point), float(y.scale)
        )
        if not coded.shared_scale:
            break
        room = epilogue.shared_shift()[1]
        if (room >= coded.channel_shift).all():
            break
        cap = room
    encoding = encoded_weights(epilogue, inputs[1].shape)
    record = _record(node.name, scheme, layer.weights, corrected, encoding, cap)
    return encoding, record, corrected


def _record(
    name: str,
    scheme: str,
    weights: NDArray[np.float64],
    coded: CodedWeights,
    encoding: EncodedWeights,
    cap: NDArray[np.int64] | None,
) -> LayerRecord:
    live = live_channels(weights)
    at_most = coded.channel_shift == LARGEST_CHANNEL_SHIFT
    return LayerRecord(
        name=name,
        scheme=scheme,
        bits=coded.bits,
        weights=weights.size,
        sqnr_db=sqnr_db(weights, coded.real()),
        code_bits=encoding.codes.size * encoding.code_bits,
        stored_bits=encoding.storage_bits,
        points=float(coded.points[live].mean()) if live.any() else 1.0,
        magnitudes=tuple(int(m) for m in coded.magnitudes),
        largest_shifts=int(at_most.sum()),
        capped_shifts=0 if cap is None else int((coded.channel_shift == cap).sum()),
        dead_channels=int((~live).sum()),
    )
