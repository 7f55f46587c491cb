"""Running again on kept buffers gives what a first run gives, whoever ran before or beside."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from npusim.errors import RangeError, ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.quantize import Quantize
from npusim.prepared import engine
from npusim.prepared.engine import prepare
from npusim.prepared.workspace import MOST_KINDS_OF_RUN
from tests.simulator.test_engine import samples, small_network


@pytest.mark.parametrize("rule", ["litert", "litert-opt", "xnnpack", "half_up"])
@pytest.mark.parametrize("keep", [None, ["x", "w0", "sum", "flat", "logits", "y"]])
def test_every_run_equals_a_first_run(rule: str, keep: list[str] | None) -> None:
    network = small_network()
    prepared = prepare(network, rule)
    for round_ in range(3):
        for count in (1, 4):
            x = samples(count, seed=10 * round_ + count)
            expected = prepare(network, rule).run(x, keep=keep)
            found = prepared.run(x, keep=keep)
            assert list(found) == list(expected)
            for name in expected:
                np.testing.assert_array_equal(found[name], expected[name], name)
    assert len(prepared._workspaces) == 2


@pytest.mark.parametrize("count", [1, 3])
def test_a_bound_run_reads_and_leaves_the_same_arrays(count: int) -> None:
    network = small_network()
    prepared = prepare(network, "litert")
    bound = prepared.bind(samples(count, 0))
    (x,), (y,) = bound.inputs.values(), bound.outputs.values()
    for seed in range(3):
        expected = prepared.run(samples(count, seed))["y"]
        if seed:
            x[...] = samples(count, seed)
        bound()
        np.testing.assert_array_equal(y, expected)
    with pytest.raises(ShapeError):
        prepared.bind(samples(count)[..., :2])


def test_a_bound_run_keeps_what_its_calls_point_at() -> None:
    bound = prepare(small_network(), "litert").bind(samples(1, 0))
    gc.collect()
    taken = [np.full(size, 255, np.uint8) for size in range(64, 8192, 64)]  # memory let go
    bound()
    expected = prepare(small_network(), "litert").run(samples(1, 0))["y"]
    np.testing.assert_array_equal(bound.outputs["y"], expected)
    assert len(taken) == 127


def test_results_stay_when_the_buffers_are_used_again() -> None:
    prepared = prepare(small_network(), "litert")
    names = ["x", "sum", "flat", "y"]
    results = [prepared.run(samples(2, seed), keep=names) for seed in range(4)]
    for seed, result in enumerate(results):
        expected = prepare(small_network(), "litert").run(samples(2, seed), keep=names)
        for name in names:
            np.testing.assert_array_equal(result[name], expected[name], name)


def test_threads_that_run_the_same_network() -> None:
    prepared = prepare(small_network(), "litert")
    expected = [prepared.run(samples(3, seed))["y"] for seed in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: prepared.run(samples(3, seed))["y"], range(200)))
    np.testing.assert_array_equal(found, expected)


def test_bad_inputs_are_refused_after_good_ones() -> None:
    prepared = prepare(small_network(), "litert")
    for _ in range(2):
        prepared.run(samples(1))
        with pytest.raises(ShapeError):
            prepared.run(samples(1)[..., :2])
        with pytest.raises(ShapeError):
            prepared.run(samples(1).view(np.uint8))


def test_only_small_runs_are_kept_and_few(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(small_network(), "litert")
    for count in range(1, 3 * MOST_KINDS_OF_RUN):
        prepared.run(samples(count))
    assert 1 <= len(prepared._workspaces) <= MOST_KINDS_OF_RUN
    monkeypatch.setattr(engine, "LARGEST_BYTES", 100)
    large = prepare(small_network(), "litert")
    large.run(samples(1))
    assert not large._workspaces


def test_floats_run_again_and_are_refused_where_they_are_not_finite() -> None:
    integers = small_network()
    network = Network(
        "f", "tflite", (Node("q", Quantize(), ("x",), ("y",)),),
        {
            "x": Tensor("x", (1, 2, 3), np.dtype(np.float32), None, None),
            "y": replace(integers.tensors["x"], name="y", shape=(1, 2, 3)),
        },
        ("x",), ("y",),
    )  # fmt: skip
    prepared = prepare(network, "litert")
    rng = np.random.default_rng(3)
    for _ in range(5):
        x = {"x": rng.normal(0, 5, (2, 2, 3)).astype(np.float32)}
        expected = prepare(network, "litert").run(x)["y"]
        np.testing.assert_array_equal(prepared.run(x)["y"], expected)
    assert len(prepared._workspaces) == 1
    for bad in (np.nan, np.inf):
        x["x"][1, 0, 2] = bad
        with pytest.raises(RangeError, match=r"expected finite numbers, found \w+ at \[1, 0, 2\]"):
            prepared.run(x)
