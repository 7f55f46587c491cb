"""Real networks: every byte equal to LiteRT's reference, optimized and XNNPACK kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npusim.formats.files import load
from npusim.prepared.engine import prepare

from .litert_witness import NAMES, digest, golden, invoke, litert, live_inputs, model_path, tensors

pytestmark = [pytest.mark.shared, pytest.mark.parametrize("name", NAMES)]

LIVE_SAMPLES = 5


def test_every_tensor_of_the_first_input_has_the_golden_hash(shared: Path, name: str) -> None:
    network = load(model_path(shared, name))
    arrays, hashes = golden(shared, name)
    found = prepare(network, "litert").run(arrays["x"][:1], keep=list(hashes))
    assert len(hashes) > 5
    assert {key: digest(array) for key, array in found.items()} == hashes


@pytest.mark.parametrize(
    ("kernels", "rule"), [("ref", "litert"), ("opt", "litert-opt"), ("xnn", "xnnpack")]
)
def test_final_outputs_of_all_golden_inputs(
    shared: Path, name: str, kernels: str, rule: str
) -> None:
    network = load(model_path(shared, name))
    arrays, _ = golden(shared, name)
    expected = arrays[kernels]
    found = prepare(network, rule).run(arrays["x"], threads=2)[network.outputs[0]]
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@pytest.mark.parametrize(("kernels", "rule"), [("ref", "litert"), ("opt", "litert-opt")])
def test_every_tensor_of_further_inputs_equals_litert_live(
    shared: Path, name: str, kernels: str, rule: str
) -> None:
    network = load(model_path(shared, name))
    x = live_inputs(golden(shared, name)[0]["x"], LIVE_SAMPLES)
    computed = [node.outputs[0] for node in network.nodes]
    found = prepare(network, rule).run(x, keep=computed)
    interpreter = litert(model_path(shared, name), kernels, every_tensor=True)
    for i in range(LIVE_SAMPLES):
        invoke(interpreter, x[i : i + 1])
        for tensor, expected in tensors(interpreter, computed):
            rows = len(expected)
            np.testing.assert_array_equal(
                found[tensor][i * rows : (i + 1) * rows], expected, f"{tensor}, sample {i}"
            )
