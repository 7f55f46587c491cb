"""Ranges of activations: what each method keeps."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.quant.calibrate import BINS, Calibration, activation_quantization, divergence

RANDOM = np.random.default_rng(27)


def seen(values: np.ndarray) -> Calibration:
    return Calibration({"x": (float(values.min()), float(values.max()))}, {"x": [values]})


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_a_far_outlier_is_cut_off(method: str) -> None:
    values = np.append(np.abs(RANDOM.normal(size=30_000)), [40.0, 41.0])
    low, high = seen(values).clipped_range("x", method)  # type: ignore[arg-type]
    assert low >= 0
    assert high < 39
    assert seen(values).clipped_range("x", "min-max")[1] == 41


def test_even_values_are_kept_whole() -> None:
    values = np.linspace(0, 255, 60_001)
    for method in ("squared-error", "entropy"):
        assert seen(values).clipped_range("x", method) == (0, 255)  # type: ignore[arg-type]


def test_divergence_is_that_of_the_kept_histogram() -> None:
    values = np.abs(RANDOM.normal(size=5000))
    counts, edges = np.histogram(values, BINS, (0.0, float(values.max())))
    q = activation_quantization(0.0, 0.7 * float(values.max()))
    middles = (edges[:-1] + edges[1:]) / 2
    steps = np.rint(middles / float(q.scale)) + int(q.zero_point)
    inside = steps <= 127
    p = counts[inside].astype(float)
    kept = np.zeros_like(p)
    for step in np.unique(steps[inside]):
        own = (steps[inside] == step) & (p > 0)
        if own.any():
            kept[own] = p[own].mean()
    p[-1] += counts[~inside].sum()
    p, kept = p / p.sum(), kept / kept.sum()
    expected = sum(a * np.log(a / max(b, 1e-9)) for a, b in zip(p, kept, strict=True) if a > 0)
    assert np.isclose(divergence(counts, edges, q), expected)
