"""Rule `tosa` against Arm's TOSA reference model, which reads the files through its converter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npusim.engines.machine_network import MachineNetwork
from npusim.formats.files import load
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from tests.conftest import missing
from tests.simulator.litert_witness import NAMES, golden, model_path
from tests.simulator.random_layers import Case, random_case
from tests.simulator.tosa_witness import differing, is_installed, tosa_reference


@pytest.fixture(autouse=True)
def tosa() -> None:
    """Require the reference model."""
    if not is_installed():
        missing("TOSA reference model not found: make tosa")


SAMPLES = 2
CASES = 8
KINDS = (
    "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL", "AVERAGE_POOL_2D",
    "MAX_POOL_2D", "MEAN", "SOFTMAX", "QUANTIZE", "LOGISTIC", "TANH", "LEAKY_RELU", "HARD_SWISH",
    "RELU", "RELU6", "RELU_N1_TO_1",
)  # fmt: skip


def convertible(kind: str, case: Case) -> bool:
    """Return whether the converter keeps what the layer computes: it drops a pool's activation."""
    return not kind.endswith("POOL_2D") or "'fusedActivationFunction': 0" in case.what


def cases_of(kind: str, count: int) -> dict[str, Case]:
    """Return `count` random layers of `kind`."""
    drawn = (random_case(kind, seed) for seed in range(10 * count))
    kept = (case for case in drawn if convertible(kind, case))
    return {str(i): next(kept) for i in range(count)}


@pytest.mark.parametrize("kind", KINDS)
def test_random_layers(kind: str, tmp_path: Path) -> None:
    cases = cases_of(kind, CASES)
    answers = tosa_reference(
        {key: (case.content, [x[None] for x in case.inputs]) for key, case in cases.items()}
    )
    compared = 0
    for key, case in cases.items():
        expected = answers[key]
        if isinstance(expected, str):
            continue  # the converter refuses some shapes, activations and types
        path = tmp_path / "layer.tflite"
        path.write_bytes(case.content)
        network = load(path)
        x = dict(zip(network.inputs, case.inputs, strict=True))
        (y,) = prepare(network, "tosa").run(x).values()
        assert differing(expected[0], y) == 0, f"{kind}: {case.what}"
        compared += 1
    assert compared >= CASES // 3


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_networks(shared: Path, name: str) -> None:
    path = model_path(shared, name)
    x = golden(shared, name)[0]["x"][:SAMPLES]
    expected = tosa_reference({"network": (path.read_bytes(), [x[:, None]])})["network"]
    assert not isinstance(expected, str), expected
    network = load(path)
    y = prepare(network, "tosa").run(x)[network.outputs[0]]
    assert y.size >= SAMPLES
    assert differing(expected[0], y) == 0


def test_ties_of_unsigned_means_on_the_machine(tmp_path: Path) -> None:
    """127 and 128 are -1 and 0 to TOSA, whose mean -1/2 goes to -1: 127, where TFLite has 128."""
    case = next(
        case
        for case in (random_case("AVERAGE_POOL_2D", seed) for seed in range(100))
        if case.inputs[0].dtype == np.uint8
        and convertible("AVERAGE_POOL_2D", case)
        and "'filterHeight': 1, 'filterWidth': 2" in case.what
    )
    x = np.broadcast_to(
        np.where(np.arange(case.inputs[0].shape[2]) % 2, 128, 127)[:, None], case.inputs[0].shape
    ).astype(np.uint8)
    expected = tosa_reference({"pool": (case.content, [x[None]])})["pool"]
    assert not isinstance(expected, str)
    path = tmp_path / "layer.tflite"
    path.write_bytes(case.content)
    network = load(path)
    found, _ = MachineNetwork(network, Machine.load("nano"), "tosa").run(x)
    y = found[network.outputs[0]]
    assert differing(expected[0], y) == 0
    assert (y == 127).any()
    assert differing(expected[0], prepare(network, "litert").run(x)[network.outputs[0]]) > 0
