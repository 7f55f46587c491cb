"""Moments of operands against sums over windows written out."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pytest

from npusim import operators as op
from npusim.quant.moments import FOLDS, layer_windows, mean_window, sum_moments
from tests.quant.networks import Maker

RANDOM = np.random.default_rng(23)


def layer(groups: int, channels: int = 4) -> tuple:
    """A padded, strided convolution of 3 x 2 taps, and samples [N 6 5 C] of its input."""
    m = Maker((1, 6, 5, channels))
    window = op.Window((3, 2), (2, 1), (1, 1), (1, 0, 0, 1))
    w = RANDOM.normal(size=(8, 3, 2, channels // groups)).astype(np.float32).astype(np.float64)
    m.node("conv", op.Conv2D(window, groups), "x", m.constant("w", w))
    network = m.network("conv:0")
    return network, network.nodes[0], RANDOM.normal(size=(12, 6, 5, channels)), w


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_windows_times_weights_are_the_convolution(groups: int) -> None:
    from npusim.quant.float_network import run_float

    network, node, x, w = layer(groups)
    y = run_float(network, x)["conv:0"]
    share = 8 // groups
    for n in range(len(x)):
        windows = layer_windows(network, node, x[n : n + 1], 1000)
        for c in range(8):
            expected = y[n, ..., c].ravel()
            assert np.allclose(windows[:, c // share] @ w[c].ravel(), expected)
        mean = mean_window(network, node, x[n : n + 1])
        assert np.allclose(mean, windows.mean(axis=0))


def test_fewer_windows_are_spread_evenly() -> None:
    network, node, x, _ = layer(1)
    every = layer_windows(network, node, x[:1], 1000)
    some = layer_windows(network, node, x[:1], 4)
    assert len(every) == 15
    assert 3 <= len(some) <= 4
    assert all((every == window).all(axis=(1, 2)).any() for window in some)


def pulls(y: np.ndarray, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """E[y (w . x)] of each channel, from windows [P G K]."""
    group = np.arange(len(w)) * y.shape[1] // len(w)
    sums = np.einsum("pck,ck->pc", x[:, group], w)
    return np.einsum("pck,pc->ck", y[:, group], sums) / len(y)


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("groups", [1, 4])
def test_moments_are_means_of_products(groups: int, count: int) -> None:
    network, node, x, w = layer(groups)
    w, x = w.reshape(8, -1), x[:count]
    y = x + RANDOM.normal(size=x.shape) * 0.1
    pairs = [(y[n : n + 1], x[n : n + 1]) for n in range(count)]
    parts = sum_moments(network, node, iter(pairs), count, 2)
    fit, held = reduce(add, parts[:-1]), parts[-1]
    assert len(parts) == (FOLDS if count == 1 else 2), "15 windows are few for 6 values"
    windows = [[layer_windows(network, node, part, 1000) for part in pair] for pair in pairs]
    if count > 1:
        out = [n % FOLDS == FOLDS - 1 for n in range(count)]
        b, a = (np.concatenate([w[i] for w, o in zip(windows, out, strict=True) if not o])
                for i in (0, 1))  # fmt: skip
        found = fit.moments(w, centred=False)
        assert np.allclose(found.second, np.einsum("pgi,pgj->gij", b, b) / len(b))
        assert np.allclose(found.pull, pulls(b, a, w))
    b, a = (np.concatenate([w[i] for w in windows]) for i in (0, 1))
    both = (fit + held).moments(w, centred=True)
    b, a = b - b.mean(axis=0), a - a.mean(axis=0)
    assert fit.windows + held.windows == len(b)
    assert held.windows > 0
    assert np.allclose(both.second, np.einsum("pgi,pgj->gij", b, b) / len(b))
    assert np.allclose(both.pull, pulls(b, a, w))


def test_few_windows_are_summed_by_folds() -> None:
    """A dense layer has one window a sample: each fold has every fourth."""
    m = Maker((1, 6))
    w = RANDOM.normal(size=(3, 6))
    m.node("dense", op.FullyConnected(), "x", m.constant("w", w.astype(np.float32)))
    network = m.network("dense:0")
    x = RANDOM.normal(size=(23, 1, 6))
    pairs = ((one, one) for one in x)
    folds = sum_moments(network, network.nodes[0], pairs, len(x), 2)
    assert [fold.windows for fold in folds] == [6, 6, 6, 5]
    for n, fold in enumerate(folds):
        own = x[n::FOLDS, 0]
        assert np.allclose(fold.moments(w, False).second, own.T @ own / len(own))
    many = ((one, one) for one in np.repeat(x, 2, axis=0))
    assert len(sum_moments(network, network.nodes[0], many, 2 * len(x), 2)) == 2
