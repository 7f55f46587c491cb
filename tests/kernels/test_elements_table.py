"""A table of all pairs of bytes gives what its kernel gives, in every 8-bit type."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.kernels import elementwise
from npusim.operators.kinds.elements import TABLE_ELEMENTS, ElementsStep

ADD = np.array([20, 1 << 30, 1_518_500_250, 1_431_655_765, 31, 33, 49, 3, -4, 5, -120, 100])


@pytest.mark.parametrize("first", ["int8", "uint8"])
@pytest.mark.parametrize("second", ["int8", "uint8"])
def test_many_elements_equal_few(first: str, second: str) -> None:
    step = ElementsStep(elementwise.add_three_step, (ADD,), "int8", view=(-1,))
    upper, lower = np.divmod(np.arange(1 << 16), 256)
    a, b = upper.astype(np.uint8).view(first), lower.astype(np.uint8).view(second)
    expected = np.empty(len(a), np.int8)
    elementwise.add_three_step(a, b, ADD, expected)
    assert len(np.unique(expected)) > 90
    few = TABLE_ELEMENTS - 1
    np.testing.assert_array_equal(step(1, a[:few], b[:few]), expected[:few])
    assert step.pairs is None
    for _ in range(2):
        found = step(1, a.reshape(4, -1), b.reshape(4, -1))
        np.testing.assert_array_equal(found.ravel(), expected)
    assert step.pairs is not None
