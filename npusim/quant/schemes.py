"""The encoder of each scheme by its name, for one layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.codes.schemes import SCHEME_BITS
from npusim.quant.coded import CodedWeights, check_weights
from npusim.quant.encoders import (
    fitted_lut,
    fitted_subset,
    lut,
    multipoint,
    piecewise_double,
    piecewise_linear,
    subset,
    uniform,
    weight_equalizing_shift,
)
from npusim.quant.encoders.search import Problem
from npusim.quant.options import Options


@dataclass(frozen=True, eq=False)
class LayerInputs:
    """A layer's weights [OC K] and what calibration knows of its inputs.

    `windows` [G P K] are sampled windows per group, `mean_window` [OC K] the mean operand of each
    weight.
    """

    weights: NDArray[np.float64]
    windows: NDArray[np.float64]
    mean_window: NDArray[np.float64]

    def _group(self, c: int) -> NDArray[np.float64]:
        return self.windows[c * len(self.windows) // len(self.weights)]

    def output_error(self, c: int, error: NDArray[np.float64]) -> float:
        """Return the mean square of what a weight error [K] of channel `c` does to its output."""
        outputs = (self._group(c) * error).sum(axis=1)
        return float((outputs * outputs).sum()) / len(outputs)

    def _variance(self, c: int, w: NDArray[np.float64]) -> float:
        """Return the variance of what weights [K] of channel `c` make of the windows."""
        outputs = (self._group(c) * w).sum(axis=1)
        mean = outputs.sum() / len(outputs)
        return float(((outputs - mean) ** 2).sum()) / len(outputs)

    def output_variance(self) -> float:
        """Return the variance of the layer's outputs, mean over channels that vary."""
        variances = [self._variance(c, w) for c, w in enumerate(self.weights)]
        live = [v for v in variances if v > 0]
        return sum(live) / len(live) if live else 0.0

    def output_sqnr_db(self, real: NDArray[np.float64]) -> float:
        """Return the SQNR of the layer's output with weights `real` [OC K], about the mean.

        inf where there is no error, nan where there is no signal.
        """
        errors = self.weights - real
        signal = sum(self._variance(c, w) for c, w in enumerate(self.weights))
        noise = sum(self._variance(c, e) for c, e in enumerate(errors))
        if signal == 0:
            return float("nan")
        return float("inf") if noise == 0 else float(10 * np.log10(signal / noise))


def encode_layer(
    layer: LayerInputs,
    scheme: str,
    bits: int,
    options: Options,
    cap: NDArray[np.int64] | None = None,
) -> CodedWeights:
    """Return the codes of one layer; `cap` int64 [OC] bounds the shift-scaler's n_c."""
    weights = layer.weights
    check_weights(weights, bits, *SCHEME_BITS[scheme], scheme)
    base, _, composed = scheme.partition("+")
    if base == "uniform":
        return uniform.encode(weights, bits, per_layer=options.per_layer, clip=options.clip)
    if base == "wes":
        return weight_equalizing_shift.encode(weights, bits, cap=cap)
    if base == "pwlq":
        return piecewise_linear.encode(
            weights, bits, breakpoint=options.breakpoint, grid=options.grid
        )
    if base == "pwlq_double":
        return piecewise_double.encode(weights, bits)
    if base in ("subset", "log2"):
        return subset.encode(
            weights,
            bits,
            include_zero=options.include_zero,
            normalize=options.normalize,
            equalize=composed == "wes",
            log2=base == "log2",
            cap=cap,
        )
    if base == "lut":
        return lut.encode(weights, bits)
    return multipoint.encode(
        weights,
        bits,
        base=BASES[composed](weights, bits, options),
        output_error=layer.output_error,
        output_variance=layer.output_variance(),
        mean_points=options.points,
        most_points=most_points(options),
    )


def fit_scheme(
    problem: Problem,
    scheme: str,
    bits: int,
    options: Options,
    output_variance: float,
    cap: NDArray[np.int64] | None = None,
) -> CodedWeights:
    """Return the codes of one layer fitted to its operands; `cap` as in `encode_layer`."""
    base, _, composed = scheme.partition("+")
    if base == "uniform":
        return uniform.fitted(problem, bits, per_layer=options.per_layer, clip=options.clip)
    if base == "wes":
        return weight_equalizing_shift.fitted(problem, bits, cap=cap)
    if base == "pwlq":
        return piecewise_linear.fitted(
            problem, bits, breakpoint=options.breakpoint, grid=options.grid
        )
    if base == "pwlq_double":
        return piecewise_double.fitted(problem, bits)
    if base in ("subset", "log2"):
        return fitted_subset.fitted(
            problem,
            bits,
            include_zero=options.include_zero,
            equalize=composed == "wes",
            log2=base == "log2",
            cap=cap,
        )
    if base == "lut":
        return fitted_lut.fitted(problem, bits)
    return multipoint.fitted(
        problem,
        bits,
        base=BASES[composed](problem.targets, bits, options),
        output_variance=output_variance,
        mean_points=options.points,
        most_points=most_points(options),
    )


def most_points(options: Options) -> int:
    """Return how many terms of the epilogue the points may take; the paper's correction has one."""
    terms = multipoint.MOST_POINTS - (options.bias_correction == "paper")
    return min(terms, options.most_points)


def _uniform_base(
    weights: NDArray[np.float64], bits: int, options: Options
) -> multipoint.UniformBase:
    return multipoint.UniformBase(bits)


def _subset_base(
    weights: NDArray[np.float64], bits: int, options: Options
) -> multipoint.SubsetBase:
    found = subset.encode(weights, bits, include_zero=options.include_zero, normalize="channel")
    return multipoint.SubsetBase(bits, found.magnitudes)


def _piecewise_base(
    weights: NDArray[np.float64], bits: int, options: Options
) -> multipoint.PiecewiseBase:
    return multipoint.PiecewiseBase(bits, options.breakpoint)


BASES: dict[str, Callable[[NDArray[np.float64], int, Options], multipoint.Base]] = {
    "": _uniform_base,
    "subset": _subset_base,
    "pwlq": _piecewise_base,
}
"""What the points of multipoint are coded in."""
