"""Degenerate layers: every scheme gives finite codes and the documented result."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes.schemes import SCHEME_BITS
from npusim.errors import RangeError
from npusim.quant.bias_correction import paper_correction, static_correction
from npusim.quant.epilogue import Epilogue, encoded_weights
from npusim.quant.options import Options, as_published
from npusim.quant.schemes import LayerInputs, encode_layer

RANDOM = np.random.default_rng(8)
ORDINARY = RANDOM.standard_normal(12)
CASES = {
    "zero channel": np.stack([ORDINARY, np.zeros(12)]),
    "zero layer": np.zeros((3, 12)),
    "single tap": np.array([[0.7], [-0.2]]),
    "constant": np.full((2, 12), 0.25),
    "outlier": np.stack([np.where(np.arange(12) == 3, 1e6, ORDINARY), ORDINARY]),
    "one channel of width 1": np.array([[-3.0]]),
    "tiny": ORDINARY.reshape(1, 12) * 1e-12,
    "tiny beside ordinary": np.stack([ORDINARY, ORDINARY * 1e-12]),
    "denormal": np.full((2, 4), 5e-324),
}
CHOICES = [(scheme, bits) for scheme, ends in SCHEME_BITS.items() for bits in {*ends, 3}]


@pytest.mark.parametrize("weights", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize(("scheme", "bits"), CHOICES)
def test_every_scheme_survives(weights: np.ndarray, scheme: str, bits: int) -> None:
    channels, taps = weights.shape
    windows = RANDOM.uniform(0, 1, size=(1, 20, taps))
    layer = LayerInputs(weights, windows, np.full(weights.shape, 0.5))
    for breakpoint in ("gaussian", "search"):
        coded = encode_layer(layer, scheme, bits, as_published(breakpoint=breakpoint))
        real = coded.real()
        assert np.isfinite(real).all()
        assert (coded.scales >= 0).all()
        dead = ~weights.any(axis=1)
        assert not real[dead].any()
        assert not coded.scales[:, dead].any()
        assert np.isfinite(static_correction(weights, coded, layer.mean_window)).all()
        corrected = paper_correction(weights, coded)
        assert np.isfinite(corrected.real()).all()
        bias = np.linspace(-1, 1, channels)
        for form in (coded, corrected):
            epilogue = Epilogue("layer", form, bias, 0.01, -128, 0.01)
            encoding = encoded_weights(epilogue, weights.shape)
            shift = encoding.shift + encoding.channel_shift
            assert np.allclose(encoding.bias / 2.0**shift, bias / 0.01, atol=1e-6)


@pytest.mark.parametrize("scheme", SCHEME_BITS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(scheme: str, bad: float) -> None:
    weights = np.ones((3, 5))
    weights[2, 1] = bad
    layer = LayerInputs(weights, np.ones((1, 4, 5)), np.ones((3, 5)))
    with pytest.raises(RangeError, match=r"expected finite weights, found .* in channel 2"):
        encode_layer(layer, scheme, 3, Options())


@pytest.mark.parametrize("scheme", ["uniform", "pwlq", "wes", "multipoint"])
def test_what_can_be_exact_is_exact(scheme: str) -> None:
    """A constant channel and a single tap lie on every grid that holds its own maximum."""
    for name in ("single tap", "constant", "one channel of width 1"):
        weights = CASES[name]
        layer = LayerInputs(weights, np.ones((1, 4, weights.shape[1])), np.ones(weights.shape))
        if scheme == "wes" and name == "single tap":
            continue
        coded = encode_layer(layer, scheme, 4, Options(points=1))
        assert np.allclose(coded.real(), weights, rtol=1e-9)
