"""Errors of layers against the same products written out."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.quant.layer_errors import MOST_SAMPLES, OutputError, layer_errors
from npusim.quant.options import Options
from npusim.quant.quantize import prepare, quantize_prepared
from npusim.quant.sensitivity import sensitivities
from tests.quant.networks import every_operator

SAMPLES = np.random.default_rng(5).normal(size=(MOST_SAMPLES, 3, 9, 8))


def test_alone_all_but_and_cumulative_meet_at_the_ends() -> None:
    prepared = prepare(every_operator(3), SAMPLES, 1)
    quantized = quantize_prepared(prepared, Options("uniform", 4), threads=1)
    found = layer_errors(prepared, quantized, 1)
    every = {name: (q.real(), quantized.biases[name]) for name, q in quantized.coded.items()}
    measure = OutputError(prepared, 1)
    assert measure.of({}) == 0.0
    assert [one.name for one in found] == [layer.name for layer in quantized.layers]
    assert found[0].alone == found[0].cumulative > 0
    assert found[-1].cumulative == measure.of(every)
    assert found[-1].all_but == found[-2].cumulative


def test_the_last_layer_alone_is_its_products() -> None:
    network = every_operator(3)
    prepared = prepare(network, SAMPLES, 1)
    (*_, last) = [n for n in prepared.network.nodes if n.kind == "FullyConnected"]
    weights, bias = (t.data for t in prepared.network.inputs_of(last)[1:3])
    assert weights is not None
    assert bias is not None
    seen = {}
    from npusim.quant.float_network import run_float

    run_float(
        prepared.network, SAMPLES,
        observe=lambda node, tensor, y, alive: seen.setdefault(tensor.name, []).append(y),
    )  # fmt: skip
    x = np.concatenate(seen[last.inputs[0]]).reshape(len(SAMPLES), -1)
    y = x @ weights.astype(np.float64).T + bias
    other = np.round(weights.astype(np.float64), 1)
    error = x @ (other - weights).T
    expected = (error**2).sum() / ((y - y.mean(axis=0)) ** 2).sum()
    found = OutputError(prepared, 1).of({last.name: (other, bias.astype(np.float64))})
    assert found == pytest.approx(expected, rel=1e-4)


def test_fewer_bits_are_expected_to_do_more() -> None:
    prepared = prepare(every_operator(3), SAMPLES, 1)
    choices = [("uniform", 8), ("uniform", 4), ("uniform", 2)]
    names = [n.name for n in prepared.network.nodes if n.kind in ("Conv2D", "FullyConnected")]
    for one in sensitivities(prepared, dict.fromkeys(names, choices), Options(), threads=1):
        eight, four, two = (one.errors[choice] for choice in choices)
        assert eight < four < two or two == 0
        bits = [one.stored_bits[choice] for choice in choices]
        assert bits == sorted(bits, reverse=True)
