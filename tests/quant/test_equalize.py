"""Cross-layer equalization: the same real function, and ranges that are even in each pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim import operators as op
from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.quant.equalize import equalized
from npusim.quant.float_network import constant, run_float
from npusim.quant.fold import fold
from npusim.quant.options import Options
from npusim.quant.quantize import prepare, quantize_prepared
from tests.conftest import DIGITS
from tests.quant.networks import Maker

RELU, RELU6 = op.Clamp(0.0), op.Clamp(0.0, 6.0)


def uneven(clamp: op.Clamp, end: bool = False) -> tuple[Network, str]:
    """A convolution, a depthwise one, a grouped one, a pool, a dense layer; ranges of 2^-4..2^4."""
    rng = np.random.default_rng(3)
    m = Maker((1, 8, 8, 3), (0, 3, 1, 2))

    def layer(name: str, x: str, *shape: int, groups: int = 1) -> str:
        w = rng.normal(size=shape) * 2.0 ** rng.uniform(-4, 4, size=(shape[0], 1, 1, 1))
        window = op.Window(shape[1:3])  # type: ignore[arg-type]
        held = m.constant(f"{name}w", w), m.constant(f"{name}b", rng.normal(size=shape[0]))
        return m.node(name, op.Conv2D(window, groups, clamp), x, *held)

    first = layer("first", "x", 8, 3, 3, 3)
    x = layer("depthwise", first, 8, 3, 3, 1, groups=8)
    x = m.node("pool", op.MaxPool(op.Window((2, 2), (2, 2))), x)
    x = layer("grouped", x, 12, 1, 1, 4, groups=2)
    x = m.node("mean", op.Mean((1, 2), False), x)
    w = m.constant("densew", rng.normal(size=(5, 12)))
    y = m.node("dense", op.FullyConnected(), x, w)
    return m.network(y, *[first] * end), y


def reaches(network: Network) -> dict[str, np.ndarray]:
    """Return the greatest magnitude of each layer's channels, as it writes and reads them."""
    found = {}
    for node in network.nodes:
        if isinstance(node.operator, op.Conv2D | op.FullyConnected):
            w = np.abs(constant(network.inputs_of(node)[1]))
            found[f"{node.name}:out"] = w.reshape(len(w), -1).max(axis=1)
            groups = getattr(node.operator, "groups", 1)
            parts = w.reshape(groups, len(w) // groups, -1, w.shape[-1])
            found[f"{node.name}:in"] = parts.max(axis=(1, 2)).ravel()
    return found


def test_ranges_are_even_and_the_function_stays() -> None:
    network, y = uneven(RELU)
    even = equalized(fold(network))
    assert even.notes == ("the weights of 3 pairs of layers were equalized",)
    x = np.random.default_rng(4).normal(size=(6, 3, 8, 8))
    before, after = run_float(network, x)[y], run_float(even, x)[y]
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5 * np.abs(before).max())
    found = reaches(even)
    np.testing.assert_allclose(found["grouped:out"], found["dense:in"], rtol=1e-4)
    spread = {k: np.ptp(np.log2(v)) for k, v in reaches(network).items()}
    for name in ("first:out", "depthwise:out"):
        assert np.ptp(np.log2(found[name])) < spread[name] - 2


@pytest.mark.parametrize(
    ("made", "pairs"), [(uneven(RELU6), 0), (uneven(RELU, end=True), 2)], ids=["relu6", "output"]
)
def test_pairs_that_no_factor_passes_stay(made: tuple[Network, str], pairs: int) -> None:
    even = equalized(fold(made[0]))
    assert even.notes == (f"the weights of {pairs} pairs of layers were equalized",)


def test_one_scale_a_layer_gains(tmp_path: Path) -> None:
    network, y = uneven(RELU)
    x = np.random.default_rng(4).normal(size=(16, 3, 8, 8))
    wanted = run_float(network, x)[y]
    errors = []
    for equalize in (False, True):
        made = npusim.quantize(
            network, x, bits=8, per_layer=True, encoder="nearest", equalize=equalize
        )
        q = made.tensors[y].quantization
        assert q is not None
        codes = npusim.prepare(made).run(x.astype(np.float32))[y].astype(float)
        errors.append(((codes - float(q.zero_point)) * float(q.scale) - wanted).std())
    assert errors[1] < errors[0] / 2


def test_the_choice_is_that_of_the_preparation() -> None:
    prepared = prepare(
        npusim.load(DIGITS / "digits_float.onnx"), np.load(DIGITS / "digits_train.npz")["x"][:4]
    )
    with pytest.raises(UnsupportedError, match="prepared with the other choice"):
        quantize_prepared(prepared, Options(equalize=True))
