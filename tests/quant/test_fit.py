"""Layers fitted to data: targets, never worse than nearest, and the same bytes on any threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import npusim
from npusim.quant.coded import sqnr_db
from npusim.quant.encoders import uniform
from npusim.quant.encoders.search import Effort
from npusim.quant.export import model_of
from npusim.quant.fit import fit_layer, held_out_error, targets
from npusim.quant.float_network import run_float
from npusim.quant.moments import FOLDS, Moments, MomentSums
from npusim.quant.options import Options, as_published
from npusim.quant.quantize import Prepared, prepare, quantize_prepared
from npusim.quant.two_paths import TwoPaths, to_real
from npusim.quant.within import LayerSums
from tests.conftest import DIGITS
from tests.quant.networks import every_operator

RANDOM = np.random.default_rng(24)


def operands(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, Moments]:
    channels, taps = weights.shape
    x = RANDOM.normal(size=(50, taps))
    y = x + 0.3 * RANDOM.normal(size=(50, taps))
    pull = weights @ x.T @ y / 50
    return x, y, Moments((y.T @ y / 50)[None], pull, np.zeros((1, taps)), np.zeros(channels))


def test_targets_are_the_ridge_regression() -> None:
    weights = RANDOM.normal(size=(3, 6))
    x, y, moments = operands(weights)
    found = targets(weights, moments, 0.2)
    added = 0.2 * np.trace(moments.second[0]) / 6
    for w, target in zip(weights, found, strict=True):
        tall = np.concatenate([y / np.sqrt(50), np.sqrt(added) * np.eye(6)])
        goal = np.concatenate([x @ w / np.sqrt(50), np.sqrt(added) * w])
        assert np.allclose(target, np.linalg.lstsq(tall, goal, rcond=None)[0])


def test_held_out_error_is_that_of_the_outputs() -> None:
    w, q = RANDOM.normal(size=(2, 4, 6))
    x, y, moments = operands(w)
    expected = ((y @ q.T - x @ w.T) ** 2 - (x @ w.T) ** 2).mean(axis=0)
    assert np.allclose(held_out_error(q, moments), expected)


def test_every_fold_of_few_windows_has_a_say() -> None:
    """Held out alone, a last fold that says nothing would leave the nearest codes."""
    w = RANDOM.normal(size=(4, 8))
    x = RANDOM.normal(size=(32, 8)) @ RANDOM.normal(size=(8, 8))
    x[FOLDS - 1 :: FOLDS] = 0.0
    folds = []
    with ThreadPoolExecutor(1) as pool:
        for n in range(FOLDS):
            folds.append(MomentSums(1, 8))
            folds[-1].add(x[n::FOLDS, None], x[n::FOLDS, None], pool)
    sums = LayerSums.of(folds)
    assert sums.whole.windows == 32
    splits = list(sums.splits())
    assert [held for _, held in splits] == folds
    assert [on.windows for on, _ in splits] == [24] * FOLDS
    nearest = uniform.encode(w, 2)

    def fitted(sums: LayerSums) -> bool:
        found = fit_layer(
            w, sums, nearest, partial(uniform.fitted, bits=2, per_layer=False, clip="min-max"),
            centred=False, effort=Effort(), threads=1,
        )  # fmt: skip
        return found is not nearest

    assert fitted(sums)
    assert not fitted(LayerSums.of([folds[0] + folds[1] + folds[2], folds[3]]))


@pytest.fixture(scope="module")
def digits() -> tuple[Prepared, np.ndarray, np.ndarray]:
    network = npusim.load(DIGITS / "digits_float.onnx")
    train = np.load(DIGITS / "digits_train.npz")["x"].astype(np.float64)
    unseen = np.load(DIGITS / "digits_test.npz")["x"].astype(np.float64)
    prepared = prepare(network, train)
    output = prepared.network.outputs[0]
    return prepared, unseen, run_float(prepared.network, unseen)[output].reshape(len(unseen), -1)


def quality(digits: tuple[Prepared, np.ndarray, np.ndarray], options: Options) -> float:
    """SQNR of the logits over pictures that were not calibrated on."""
    from npusim.prepared.engine import prepare as engine

    prepared, x, reference = digits
    network = quantize_prepared(prepared, options).network
    q = network.tensors[network.outputs[0]].quantization
    assert q is not None
    found = engine(network, "half_up").run(x.astype(np.float32))[network.outputs[0]]
    return sqnr_db(reference, to_real(found.reshape(len(x), -1), q))


@pytest.mark.parametrize(
    ("scheme", "bits", "gain_db"),
    [("uniform", 2, 6), ("uniform", 3, 6), ("wes", 2, 6), ("wes", 3, 6), ("pwlq", 2, 6),
     ("pwlq", 3, 3), ("subset", 2, 6), ("subset", 3, 6), ("multipoint", 2, 3)],
)  # fmt: skip
def test_logits_gain_at_few_bits(
    digits: tuple[Prepared, np.ndarray, np.ndarray], scheme: str, bits: int, gain_db: float
) -> None:
    points = {"points": 2.0} if scheme == "multipoint" else {}
    published = quality(digits, as_published(scheme, bits=bits, **points))
    assert quality(digits, Options(scheme, bits, **points)) >= published + gain_db


@pytest.mark.parametrize("scheme", ["uniform", "wes", "pwlq", "multipoint"])
def test_eight_bits_lose_nothing(
    digits: tuple[Prepared, np.ndarray, np.ndarray], scheme: str
) -> None:
    points = {"points": 1.0} if scheme == "multipoint" else {}
    nearest = quality(digits, Options(scheme, 8, encoder="nearest", **points))
    assert quality(digits, Options(scheme, 8, **points)) >= nearest - 0.5


@pytest.mark.parametrize("scheme", ["wes", "pwlq", "subset", "multipoint"])
def test_the_codes_do_not_depend_on_the_threads(scheme: str) -> None:
    x = RANDOM.normal(size=(9, 3, 9, 8))
    prepared = prepare(every_operator(), x, 1)
    contents = [
        model_of(quantize_prepared(prepared, Options(scheme, 3), threads=threads).network)
        .SerializeToString(deterministic=True)
        for threads in (1, 3)
    ]  # fmt: skip
    assert contents[0] == contents[1]


def test_both_paths_are_the_networks() -> None:
    """The float path is the float network's, the other what the kernels engine computes."""
    from npusim.prepared.engine import prepare as engine

    x = RANDOM.normal(size=(5, 3, 9, 8))
    prepared = prepare(every_operator(), x)
    quantized = quantize_prepared(prepared, Options("uniform", 8, encoder="nearest"))
    network, floats = quantized.network, prepared.network
    scales = {name: t.quantization for name, t in network.tensors.items()}
    paths = TwoPaths(floats, prepared.samples, scales, 1)
    reference = run_float(floats, x)
    for node in floats.nodes:
        constants = {
            name: to_real(t.data, t.quantization)
            for name, t in ((name, network.tensors.get(name)) for name in node.inputs)
            if t is not None and t.data is not None
        }
        bias = None
        if node.name in quantized.coded:
            coded = quantized.coded[node.name]
            weights = floats.tensors[node.inputs[1]]
            constants = {node.inputs[1]: coded.real().reshape(weights.shape)}
            encoding = next(n for n in network.nodes if n.name == node.name).operator.encoding
            shift = encoding.shift + encoding.channel_shift
            scale = float(network.output_of(node).quantization.scale)
            bias = encoding.bias / 2.0**shift * scale
        paths.advance(node, constants, bias)
        if node.outputs[0] in floats.outputs:
            pairs = list(paths.pairs(node.outputs[0]))
            ours = np.concatenate([real for _, real in pairs])
            expected = reference[node.outputs[0]]
            assert np.allclose(ours, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
            got = engine(network, "half_up").run(x.astype(np.float32))[node.outputs[0]]
            tensor = network.tensors[node.outputs[0]]
            theirs = to_real(tensor.from_file_order(got), tensor.quantization)
            steps = np.abs(np.concatenate([y for y, _ in pairs]) - theirs)
            assert steps.max() <= 2.01 * float(tensor.quantization.scale)
