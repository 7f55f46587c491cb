"""Calibration: the range of every tensor, and what the layers' inputs look like.

The float network runs once over the samples. Of each tensor the least and greatest value are kept,
and (for the clipping methods) an evenly spaced sample of its values; of each linear layer the mean
operand at every tap of its window, and a sample of whole windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.quant.float_network import Samples, run_canonical, sample_count
from npusim.quant.moments import layer_windows, mean_window
from npusim.runtimes.elementary import logs
from npusim.words import RangeMethod

PERCENTILE = 99.99
"""Share of the values, in percent, that the percentile method keeps on each side."""
LEAST_VALUE, GREATEST_VALUE = -128, 127
SAMPLED_VALUES = 1 << 16
SAMPLED_WINDOWS = 512
LEAST_WINDOWS, WINDOW_VALUES = 32, 1 << 19
"""A layer of many groups keeps so few windows, or as many values, if that is more."""
CLIP_STEP = 0.02
LEAST_CLIP = 0.2
SOFTMAX_DEPTH = 16.0
"""Below a row's greatest value by so much, an exponential is 1e-7 of that one's."""
BINS = 2048
LEAST_SHARE = 1e-9
"""Of a bin that is kept empty though values fall there."""


@dataclass(eq=False)
class Calibration:
    """What the calibration run saw.

    Attributes
    ----------
    ranges : tensor name -> (least, greatest) value
    values : tensor name -> float64 [S], an evenly spaced sample, in chunks
    mean_window : node name -> float64 [G K], the mean operand at each tap, padding as zeros
    windows : node name -> float32 [G P K], sampled windows of each group of channels
    floors : tensor name -> what all below counts nothing, of one that only a Softmax reads
    """

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    values: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    mean_window: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    windows: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)

    def clipped_range(self, name: str, method: RangeMethod) -> tuple[float, float]:
        """Return the range of tensor `name` that `method` keeps.

        What a Softmax takes for nothing is left out: masks put it far away.
        """
        low, high = self._range(name, method)
        return max(low, self.floors.get(name, low)), high

    def _range(self, name: str, method: RangeMethod) -> tuple[float, float]:
        low, high = self.ranges[name]
        if method == "min-max":
            return low, high
        values = np.sort(np.concatenate(self.values[name]))
        if method == "percentile":
            last = len(values) - 1
            cut = int(np.floor(last * (1 - PERCENTILE / 100)))
            return float(values[cut]), float(values[last - cut])
        if method == "entropy":
            counts, edges = np.histogram(values, BINS, (min(low, 0.0), max(high, 0.0)))
            return _best_range(lambda q: divergence(counts, edges, q), low, high)
        return _best_range(lambda q: _squared_error(values, q), low, high)


def _best_range(
    badness: Callable[[Quantization], float], low: float, high: float
) -> tuple[float, float]:
    """Return the shrunk (low, high) whose 8-bit grid is least bad; ties keep more."""
    best = (np.inf, low, high)
    for step in range(round((1 - LEAST_CLIP) / CLIP_STEP) + 1):
        ratio = 1 - step * CLIP_STEP
        found = badness(activation_quantization(low * ratio, high * ratio))
        if found < best[0]:
            best = (found, low * ratio, high * ratio)
    return best[1:]


def _squared_error(values: NDArray[np.float64], q: Quantization) -> float:
    scale, zero_point = float(q.scale), int(q.zero_point)
    integers = np.clip(np.rint(values / scale) + zero_point, LEAST_VALUE, GREATEST_VALUE)
    return float((((integers - zero_point) * scale - values) ** 2).sum())


def divergence(counts: NDArray[np.int64], edges: NDArray[np.float64], q: Quantization) -> float:
    """Return the divergence of a histogram [B], edges [B + 1], from what the grid `q` keeps of it.

    Bins beyond the grid count in its outermost bins; kept is, in each bin that is not empty, the
    mean over those of its integer, those beyond left out. Source: Migacz, "8-bit inference with
    TensorRT" (2017), there with symmetric ranges.
    """
    cells = np.rint((edges[:-1] + edges[1:]) * 0.5 / float(q.scale)) + int(q.zero_point)
    inside = np.flatnonzero((cells >= LEAST_VALUE) & (cells <= GREATEST_VALUE))
    if not len(inside) or not counts[inside].any():
        return np.inf
    first, last = inside[0], inside[-1]
    cell = cells[inside].astype(np.int64) - LEAST_VALUE
    within = counts[inside].astype(np.float64)
    clipped = within.copy()
    clipped[0] += counts[:first].sum()
    clipped[-1] += counts[last + 1 :].sum()
    totals = np.bincount(cell, within)
    filled = np.bincount(cell, within > 0)
    kept = np.where(within > 0, totals[cell] / np.maximum(filled[cell], 1), 0.0)
    p = clipped / clipped.sum()
    chosen = p > 0
    share = np.maximum(kept / kept.sum(), LEAST_SHARE)
    return float((p[chosen] * (logs(p[chosen]) - logs(share[chosen]))).sum())


def activation_quantization(low: float, high: float) -> Quantization:
    """Return the int8 affine quantization of the range low..high, widened to hold 0 exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    width = (high - low) / (GREATEST_VALUE - LEAST_VALUE)
    scale = np.float32(width) if width > 0 else np.float32(1.0)
    scale = max(scale, np.finfo(np.float32).tiny)
    zero_point = int(np.clip(np.rint(LEAST_VALUE - low / float(scale)), -128, 127))
    return Quantization(np.asarray(scale), np.asarray(zero_point))


def calibrate(network: Network, x: Samples, threads: int | None = None) -> Calibration:
    """Return what the samples `x` (canonical layout) do in the folded float `network`.

    Raises
    ------
    UnsupportedError
        The network is not float.
    """
    samples = sample_count(x)
    seen = Calibration()
    totals: dict[str, NDArray[np.float64]] = {}
    rows: dict[str, int] = {}
    sampled: dict[str, list[NDArray[np.float32]]] = {}

    def observe(
        node: Node | None,
        tensor: Tensor,
        y: NDArray[np.float64],
        alive: Mapping[str, NDArray[np.float64]],
    ) -> None:
        if tensor.dtype.kind in "iu":
            return
        low, high = float(y.min()), float(y.max())
        if tensor.name in seen.ranges:
            low, high = (
                min(low, seen.ranges[tensor.name][0]),
                max(high, seen.ranges[tensor.name][1]),
            )
        seen.ranges[tensor.name] = low, high
        step = max(1, samples * y[0].size // SAMPLED_VALUES)
        seen.values.setdefault(tensor.name, []).append(y.reshape(len(y), -1)[:, ::step].ravel())
        if node is not None and isinstance(node.operator, op.Softmax):
            x = node.inputs[0]
            if all(isinstance(reader.operator, op.Softmax) for reader in network.consumers[x]):
                tops = alive[x].max(axis=node.operator.axis)
                floor = float(tops.min()) - SOFTMAX_DEPTH / node.operator.beta
                seen.floors[x] = min(floor, seen.floors.get(x, floor))
        if node is not None and isinstance(node.operator, op.Conv2D | op.FullyConnected):
            rows[node.name] = rows.get(node.name, 0) + len(alive[node.inputs[0]])
            for one in alive[node.inputs[0]]:
                mean = mean_window(network, node, one[None])
                totals[node.name] = totals[node.name] + mean if node.name in totals else mean
                wanted = min(SAMPLED_WINDOWS, max(LEAST_WINDOWS, WINDOW_VALUES // mean.size))
                windows = layer_windows(network, node, one[None], -(-wanted // samples))
                sampled.setdefault(node.name, []).append(windows.astype(np.float32))

    run_canonical(network, x, observe=observe, threads=threads)
    for name, total in totals.items():
        seen.mean_window[name] = total / rows[name]
        windows = np.concatenate(sampled.pop(name))
        seen.windows[name] = np.ascontiguousarray(windows.transpose(1, 0, 2))
    return seen
