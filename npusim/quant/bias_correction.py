"""Correct what the weights' error does to the outputs' mean, for every scheme.

    none     nothing
    static   b += (w - w~) . E[x] with E[x] from calibration; costs no hardware
    paper    w' = rho (w~ + dmu): rho = std(w) / std(w~), dmu = mean(w) - mean(w~) per channel;
             rho goes into the multipliers, dmu needs the sum of the window's operands (one
             accumulator a pixel and group)

Where one multiplier serves the whole layer (the shift-scaler) rho stays 1. rho stays 1, too, where
the deviation of w~ is below a millionth of the weights' largest.

Source: `paper` is Fang et al. 2020, section 3.3 and the authors' code; `static` is common practice
(Nagel et al. 2019).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.quant.coded import CodedWeights

LEAST_DEVIATION = 1e-6


def no_correction(weights: NDArray[np.float64], coded: CodedWeights) -> NDArray[np.float64]:
    """Return nothing to add to the bias: zeros [OC]."""
    return np.zeros(len(weights))


def static_correction(
    weights: NDArray[np.float64], coded: CodedWeights, mean_window: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what to add to the bias [OC], from the mean operand at each tap [OC K]."""
    return ((weights - coded.real()) * mean_window).sum(axis=1)


def paper_correction(weights: NDArray[np.float64], coded: CodedWeights) -> CodedWeights:
    """Return `coded` with its scales times rho and the offset rho * dmu."""
    real = coded.real()
    taps = max(1, weights.shape[1])
    mean, coded_mean = weights.sum(axis=1) / taps, real.sum(axis=1) / taps
    deviation = np.sqrt(((weights - mean[:, None]) ** 2).sum(axis=1))
    coded_deviation = np.sqrt(((real - coded_mean[:, None]) ** 2).sum(axis=1))
    floor = LEAST_DEVIATION * np.abs(weights).max(axis=1, initial=0.0)
    steady = (coded_deviation > floor) & (deviation > floor)
    rho = np.where(steady, deviation / np.where(steady, coded_deviation, 1.0), 1.0)
    if coded.shared_scale:
        rho = np.ones_like(rho)
    return replace(coded, scales=coded.scales * rho, offset=rho * (mean - coded_mean))
