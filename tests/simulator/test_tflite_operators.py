"""Random layers of every operator: every byte equal to LiteRT's three sets of kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npusim.formats.tflite.reader import load
from npusim.prepared.engine import prepare

from .litert_witness import invoke, litert
from .random_layers import MAKERS, random_case

CASES = 25


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("kernels", "rule"), [("ref", "litert"), ("opt", "litert-opt"), ("xnn", "xnnpack")]
)
def test_random_layers_equal_litert(kind: str, kernels: str, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "layer.tflite"
    for seed in range(CASES):
        case = random_case(kind, seed)
        path.write_bytes(case.content)
        network = load(path)
        expected = invoke(litert(case.content, kernels), *case.inputs)
        found = prepare(network, rule).run(dict(zip(network.inputs, case.inputs, strict=True)))
        (y,) = found.values()
        np.testing.assert_array_equal(y, expected, f"{kind}, seed {seed}: {case.what}")
