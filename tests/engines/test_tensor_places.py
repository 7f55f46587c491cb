"""A tensor's bytes by one look-up: where its layout puts them, constants between them included."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.engines.tensor_places import TensorPlaces
from npusim.isa.fold import Fold, fold_pixels
from npusim.isa.layout import pack


def packed(value: np.ndarray) -> np.ndarray:
    """Return blocks of 16 channels in beats of 8 bytes, lanes beyond the last one 0."""
    return np.frombuffer(pack(value, 16, 8), np.uint8)


def folded(value: np.ndarray) -> np.ndarray:
    """Return pixels with their neighbours, 77 outside the image."""
    height, width = value.shape[:2]
    fold = Fold((1, 2), (2, 3), 1, 1, height + 1, (width + 1) // 2 + 1, 77)
    return packed(fold_pixels(value, fold))


def turned(value: np.ndarray) -> np.ndarray:
    """Return axes in another order, words of two bytes."""
    return np.ascontiguousarray(value.transpose(2, 0, 1)).reshape(-1).view(np.uint8)


@pytest.mark.parametrize(
    ("lay", "dtype"), [(packed, "i1"), (folded, "i1"), (folded, "u1"), (turned, "<i2")]
)
def test_images_are_those_of_the_layout(lay: object, dtype: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(8):
        shape = tuple(int(n) for n in rng.integers(1, 20, 3))
        limits = np.iinfo(dtype)
        start = int(rng.integers(0, 50))
        dram = rng.integers(0, 256, 60_000).astype(np.uint8)
        before = dram.copy()
        places = TensorPlaces(dram, start, shape, dtype, lay)  # type: ignore[arg-type]
        np.testing.assert_array_equal(dram, before)
        for _ in range(3):
            value = rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
            image = lay(value)  # type: ignore[operator]
            places.write(value)
            np.testing.assert_array_equal(dram[start : start + len(image)], image)
            dram[start : start + len(image)] = image
            found = places.read()
            assert found.dtype == value.dtype
            np.testing.assert_array_equal(found, value)
        np.testing.assert_array_equal(dram[:start], before[:start])
        np.testing.assert_array_equal(dram[start + len(image) :], before[start + len(image) :])


def test_a_tensor_of_which_the_image_lacks_a_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere in its image"):
        TensorPlaces(
            np.zeros(9, np.uint8), 0, (2, 3), "u1", lambda value: value.reshape(-1)[:5].copy()
        )
