"""tanh: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from .three_kernels import compare, equals_litert

test_random_layers = equals_litert("TANH")


@pytest.mark.parametrize("seed", [228, 1979, 1990, 3271, 4422])
def test_xnnpack_adds_the_zero_point_before_it_rounds(seed: int, tmp_path: Path) -> None:
    """These tables have an entry within a float32 of a half."""
    compare("TANH", seed, "xnn", "xnnpack", tmp_path / "layer.tflite")
