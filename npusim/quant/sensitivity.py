"""What each choice of scheme and bits would do to the network, layer by layer.

The layers keep their float weights and are fed int8 activations. Each is encoded in every choice,
by a short look of the fitted encoder; that leaves a share e of its output's power as error. How
much of a layer's error reaches the network's output is measured once a layer, with its worst
choice: gain = output's error / e. A choice is expected to do gain * e, and errors of layers to add
up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from npusim.quant.encoders.search import Effort
from npusim.quant.layer import quantize_layer
from npusim.quant.layer_errors import OutputError
from npusim.quant.options import Options
from npusim.quant.quantize import Prepared, is_linear, quantizations
from npusim.quant.two_paths import TwoPaths

Choice = tuple[str, int]
"""A scheme and its bits."""


@dataclass(frozen=True)
class Sensitivity:
    """A layer's expected share of error in the network's output, and stored bits, by choice."""

    layer: str
    errors: dict[Choice, float]
    stored_bits: dict[Choice, int]


def sensitivities(
    prepared: Prepared,
    choices: Mapping[str, Sequence[Choice]],
    options: Options,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> list[Sensitivity]:
    """Return what each of its `choices` would do to each linear layer, in order.

    `options` has the schemes' other settings; `progress` as in `quantize_prepared`.
    """
    threads = threads or os.cpu_count() or 1
    network, calibration = prepared.network, prepared.calibration
    scales = quantizations(prepared, options)
    paths = None
    if options.encoder != "nearest":
        paths = TwoPaths(network, prepared.samples, scales, threads)
    effort = Effort(fed_back=options.encoder == "feedback").quick()
    measure = OutputError(prepared, threads)
    count = sum(map(is_linear, network.nodes))
    found: list[Sensitivity] = []
    for node in network.nodes:
        if is_linear(node):
            sums = None if paths is None else paths.moments(node)
            layers = {
                choice: quantize_layer(
                    network, node, calibration, *choice,
                    replace(options.of_layer(node.name), layers={}), scales, sums, threads, effort,
                )
                for choice in choices[node.name]
            }  # fmt: skip
            own = {c: _noise(layer.record.output_sqnr_db) for c, layer in layers.items()}
            worst = max(own, key=lambda choice: own[choice])
            layer = layers[worst]
            reached = measure.of({node.name: (layer.coded.real(), layer.bias)})
            gain = reached / own[worst] if own[worst] > 0 else 0.0
            found.append(
                Sensitivity(
                    node.name,
                    {c: gain * noise for c, noise in own.items()},
                    {c: layer.record.stored_bits for c, layer in layers.items()},
                )
            )
            if progress is not None:
                progress(len(found), count)
        if paths is not None:
            paths.advance(node, {})
    return found


def _noise(sqnr_db: float) -> float:
    """Return the share of error of an SQNR; none where there is no signal."""
    return 0.0 if np.isnan(sqnr_db) else float(10 ** (-sqnr_db / 10))
