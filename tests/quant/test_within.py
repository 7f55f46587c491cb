"""Moments weighed by what a clamp lets through, against sums written out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from npusim import operators as op
from npusim.quant import within
from npusim.quant.moments import FOLDS, layer_windows
from tests.quant.networks import Maker

RANDOM = np.random.default_rng(25)
CLAMPS = [(0.0, None), (0.0, 1.5), (None, 0.5)]


def layer(groups: int, clamp: tuple[float | None, float | None]) -> tuple:
    m = Maker((1, 6, 5, 4))
    w = RANDOM.normal(size=(8, 3, 2, 4 // groups)).astype(np.float32)
    b = RANDOM.normal(size=8).astype(np.float32)
    conv = op.Conv2D(op.Window((3, 2)), groups, op.Clamp(*clamp))
    m.node("conv", conv, "x", m.constant("w", w), m.constant("b", b))
    return m.network("conv:0"), w.reshape(8, -1).astype(np.float64), b.astype(np.float64)


@pytest.mark.parametrize("clamp", CLAMPS)
@pytest.mark.parametrize("groups", [1, 4])
def test_windows_beyond_the_clamp_count_less(
    groups: int, clamp: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, w, b = layer(groups, clamp)
    node = network.nodes[0]
    x = RANDOM.normal(size=(12, 6, 5, 4))
    y = x + RANDOM.normal(size=x.shape) * 0.1
    pairs = [(y[n : n + 1], x[n : n + 1]) for n in range(12)]

    def some(part: slice) -> Iterator:
        return ((v[..., part], u[..., part]) for v, u in pairs)

    monkeypatch.setattr(within, "MOST_BYTES", 1)  # one group at a time
    fit, held = within.sum_clamped(network, node, some, 12, 10_000, 2)
    every = [[layer_windows(network, node, part, 1000) for part in pair] for pair in pairs]
    out = np.repeat(np.arange(12) % FOLDS == FOLDS - 1, len(every[0][0]))
    b_windows, a_windows = (np.concatenate([pair[i] for pair in every]) for i in (0, 1))
    low, high = (np.inf * sign if end is None else end
                 for sign, end in zip((-1, 1), clamp, strict=True))  # fmt: skip
    for c in range(8):
        ys, xs = b_windows[:, c * groups // 8], a_windows[:, c * groups // 8]
        t = xs @ w[c]
        room = within.MARGIN * t.std()
        inside = (t + b[c] > low - room) & (t + b[c] < high + room)
        assert 0 < inside.sum() < len(inside)
        share = np.where(inside, 1.0, within.OUTSIDE)
        for part, found in ((~out, fit.moments(w, False)), (out, held.moments(w, False))):
            a, v, s = share[part], ys[part], t[part]
            assert np.allclose(found.second[c], (v * a[:, None]).T @ v / len(v))
            assert np.allclose(found.pull[c], (a * s) @ v / len(v))
            assert np.allclose(found.mean[c], a @ v / a.sum())
            assert np.isclose(found.target_mean[c], a @ s / a.sum())
        both = (fit + held).moments(w, True)
        v, s = ys - share @ ys / share.sum(), t - share @ t / share.sum()
        assert np.allclose(both.second[c], (v * share[:, None]).T @ v / len(v))
        assert np.allclose(both.pull[c], (share * s) @ v / len(v))
    assert both.space_of.tolist() == list(range(8))


def test_only_layers_with_a_clamp_and_windows_enough_are_weighed() -> None:
    network, _, _ = layer(1, (0.0, None))
    node = network.nodes[0]
    assert within.weighed_windows(network, node) == within.MOST_WINDOWS
    bare = replace(node, operator=replace(node.operator, activation=None))
    assert within.weighed_windows(network, bare) == 0
    m = Maker((1, 1, 1, 512))
    wide = np.ones((512, 1, 1, 512), np.float32)
    conv = op.Conv2D(op.Window((1, 1)), 1, op.Clamp(0.0, None))
    m.node("conv", conv, "x", m.constant("w", wide))
    large = m.network("conv:0")
    assert within.weighed_windows(large, large.nodes[0]) == 0
