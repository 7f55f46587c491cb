"""rfft2d: transforms equal LiteRT's to the last places of float32, cut and filled images too."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import UnsupportedError
from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, build, integers, network, random_layers, run, witness


def layer(shape: tuple[int, ...], height: int, width: int, x: np.ndarray) -> Layer:
    value = Value(shape, "float32")
    y = Value((*shape[:-2], height, width // 2 + 1), "complex64")
    chosen = options("Rfft2dOptions")
    return Layer("RFFT2D", [value, integers(height, width)], [y], chosen, [x.astype(np.float32)])


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = (*draw.shape(0, 2, 3), draw.between(1, 9), draw.between(1, 70))
    height, width = 2 ** draw.between(0, 3), 2 ** draw.between(1, 6)
    case = layer(shape, height, width, draw.rng.uniform(-2, 2, shape))
    content = build(case)
    (expected,), (found,) = witness(content, "ref", case.arrays), run(
        network(content), "litert", case.arrays
    )  # fmt: skip
    assert found.dtype == expected.dtype == np.complex64
    unit = np.spacing(np.float32(max(1, np.abs(expected).max())))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * unit)


@pytest.mark.parametrize("width", [6, 1])
def test_another_length_is_refused(width: int) -> None:
    """Of width 1, LiteRT gives imaginary parts that no real number has."""
    with pytest.raises(UnsupportedError, match="rfft2d_0: expected two lengths that are powers"):
        network(build(layer((1, 6), 1, width, np.zeros((1, 6)))))
