"""One layer: encode, fit to the data, correct the bias, prove the epilogue.

Where channels share one scale and the epilogue has no room for the shift of one of them, the layer
is encoded again with that shift as the most it may take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization
from npusim.graph.weights import EncodedWeights
from npusim.quant.bias_correction import no_correction, paper_correction, static_correction
from npusim.quant.calibrate import Calibration
from npusim.quant.coded import CodedWeights, live_channels, sqnr_db
from npusim.quant.encoders.search import Effort
from npusim.quant.encoders.shared_scale import LARGEST_SHIFT
from npusim.quant.epilogue import Epilogue, encoded_weights
from npusim.quant.fit import fit_layer, mean_correction
from npusim.quant.float_network import constant
from npusim.quant.options import Options
from npusim.quant.schemes import LayerInputs, encode_layer, fit_scheme
from npusim.quant.within import LayerSums


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """What quantizing one layer gave.

    `code_bits` counts the codes alone, `stored_bits` everything the layer keeps. `sqnr_db` compares
    the weights that the codes stand for with the float ones (inf where equal). `output_sqnr_db` is
    that of the output over calibration samples of the float network, about the mean, which is the
    bias's. `largest_shifts` counts wes channels at n_c = 15 and `capped_shifts` those lowered to
    fit.
    """

    name: str
    scheme: str
    bits: int
    weights: int
    sqnr_db: float
    output_sqnr_db: float
    code_bits: int
    stored_bits: int
    points: float
    magnitudes: tuple[int, ...]
    largest_shifts: int
    capped_shifts: int
    dead_channels: int


Correction = Callable[[NDArray[np.float64], CodedWeights], NDArray[np.float64]]
"""What to add to the bias [OC] for weights [OC K] and the codes that stand for them."""


@dataclass(frozen=True, eq=False)
class QuantizedLayer:
    """A layer's codes with integer constants, in real values with its bias [OC], and the record."""

    encoding: EncodedWeights
    coded: CodedWeights
    bias: NDArray[np.float64]
    record: LayerRecord


def quantize_layer(
    network: Network,
    node: Node,
    calibration: Calibration,
    scheme: str,
    bits: int,
    options: Options,
    scales: Mapping[str, Quantization],
    sums: LayerSums | None,
    threads: int,
    effort: Effort | None = None,
) -> QuantizedLayer:
    """Return `node` in `bits` bits of `scheme`; with the moments `sums`, fitted to its operands.

    `effort` is how long the fitted encoders look, in full where it is None.

    Raises
    ------
    RangeError
        Weights that are not finite; constants that do not fit the epilogue.
    """
    layer = layer_inputs(network, node, calibration)
    inputs = network.inputs_of(node)
    bias = constant(inputs[2]).reshape(-1) if len(inputs) > 2 else np.zeros(len(layer.weights))
    x, y = scales[node.inputs[0]], scales[node.outputs[0]]
    correction: Correction = no_correction
    if options.bias_correction == "static" and sums is not None:
        correction = partial(mean_correction, sums=sums.whole)
    elif options.bias_correction == "static":
        correction = partial(static_correction, mean_window=layer.mean_window)
    if effort is None:
        effort = Effort(fed_back=options.encoder == "feedback")
    cap: NDArray[np.int64] | None = None
    while True:
        coded = encode_layer(layer, scheme, bits, options, cap)
        if sums is not None:
            coded = fit_layer(
                layer.weights, sums, coded,
                partial(fit_scheme, scheme=scheme, bits=bits, options=options,
                        output_variance=layer.output_variance(), cap=cap),
                centred=options.bias_correction == "static",
                effort=effort, threads=threads,
            )  # fmt: skip
        if options.bias_correction == "paper":
            coded = paper_correction(layer.weights, coded)
        shifted = bias + correction(layer.weights, coded)
        epilogue = Epilogue(
            node.name, coded, shifted, float(x.scale), int(x.zero_point), float(y.scale)
        )
        room = epilogue.shared_shift()[1] if coded.shared_scale else coded.channel_shift
        if (room >= coded.channel_shift).all():
            break
        cap = room
    encoding = encoded_weights(epilogue, inputs[1].shape)
    record = _record(node.name, scheme, layer, coded, encoding, cap)
    return QuantizedLayer(encoding, coded, shifted, record)


def layer_inputs(network: Network, node: Node, calibration: Calibration) -> LayerInputs:
    """Return a layer's weights and what calibration saw of its operands."""
    w = network.inputs_of(node)[1]
    weights = constant(w).reshape(w.shape[0], -1)
    mean = calibration.mean_window[node.name]
    means = np.repeat(mean, len(weights) // len(mean), axis=0)
    return LayerInputs(weights, calibration.windows[node.name].astype(np.float64), means)


def _record(
    name: str,
    scheme: str,
    layer: LayerInputs,
    coded: CodedWeights,
    encoding: EncodedWeights,
    cap: NDArray[np.int64] | None,
) -> LayerRecord:
    weights, real = layer.weights, coded.real()
    live = live_channels(weights)
    at_most = coded.channel_shift == LARGEST_SHIFT
    return LayerRecord(
        name=name,
        scheme=scheme,
        bits=coded.bits,
        weights=weights.size,
        sqnr_db=sqnr_db(weights, real),
        output_sqnr_db=layer.output_sqnr_db(real),
        code_bits=encoding.codes.size * encoding.code_bits,
        stored_bits=encoding.storage_bits,
        points=float(coded.points[live].mean()) if live.any() else 1.0,
        magnitudes=tuple(int(m) for m in coded.magnitudes),
        largest_shifts=int(at_most.sum()),
        capped_shifts=0 if cap is None else int((coded.channel_shift == cap).sum()),
        dead_channels=int((~live).sum()),
    )
