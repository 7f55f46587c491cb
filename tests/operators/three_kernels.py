"""Random layers of one .tflite operator against LiteRT's three sets of kernels, case by case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from npusim.formats.files import load
from npusim.prepared.engine import prepare
from npusim.words import Rule
from tests.simulator.litert_witness import invoke, litert
from tests.simulator.random_layers import random_case

from .litert_cases import KERNELS

CASES = 70
"""For each of the three sets of kernels: more than 200 an operator."""


def compare(kind: str, seed: int, kernels: str, rule: Rule, path: Path) -> None:
    """Assert that the layer that `seed` draws, written to `path`, equals LiteRT's in every byte."""
    case = random_case(kind, seed)
    path.write_bytes(case.content)
    network = load(path)
    expected = invoke(litert(case.content, kernels), *case.inputs)
    found = prepare(network, rule).run(dict(zip(network.inputs, case.inputs, strict=True)))
    (y,) = found.values()
    np.testing.assert_array_equal(y, expected, f"{kind}, seed {seed}, {kernels}: {case.what}")


def equals_litert(*kinds: str) -> Callable[..., None]:
    """Return the test that random layers of `kinds` equal LiteRT's in every byte."""

    @pytest.mark.parametrize("kind", kinds)
    @pytest.mark.parametrize(("kernels", "rule"), KERNELS.items())
    def test(kind: str, kernels: str, rule: Rule, tmp_path: Path) -> None:
        for seed in range(CASES):
            compare(kind, seed, kernels, rule, tmp_path / "layer.tflite")

    return test
