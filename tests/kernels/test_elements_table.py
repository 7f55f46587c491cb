"""A table of all pairs of bytes gives what its kernel gives, in every 8-bit type."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.kernels import elementwise
from npusim.operators.kinds.elements import TABLE_ELEMENTS, ElementsStep, line_of

ADD = np.array([20, 1 << 30, 1_518_500_250, 1_431_655_765, 31, 33, 49, 3, -4, 5, -120, 100])


@pytest.mark.parametrize("first", ["int8", "uint8"])
@pytest.mark.parametrize("second", ["int8", "uint8"])
def test_many_elements_equal_few(first: str, second: str) -> None:
    step = ElementsStep(elementwise.add_three_step, (ADD,), "int8")
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


@pytest.mark.parametrize("first", ["int8", "uint8"])
@pytest.mark.parametrize("second", ["int8", "uint8"])
def test_a_line_gives_the_whole_table(first: str, second: str) -> None:
    a, b = np.dtype(first), np.dtype(second)
    found = 0
    for case in range(8):
        add = ADD.copy()
        add[1:4] -= np.random.default_rng(case).integers(0, 1 << 28, 3)
        slopes = tuple(
            float(m * add[3]) * 2.0 ** (20 - s - 49) for m, s in ((add[1], 31), (add[2], 33))
        )
        step = ElementsStep(elementwise.add_three_step, (add,), "int8", slopes)
        table = step.table(a, b)
        upper, lower = (part.astype(np.uint8) for part in np.divmod(np.arange(1 << 16), 256))
        np.testing.assert_array_equal(step(1, upper.view(a), lower.view(b)), table)
        found += step.line is not None
    assert found > 4


def test_no_line_gives_what_is_no_sum() -> None:
    kind = np.dtype(np.int8)
    upper, lower = (part.astype(np.uint8).view(kind) for part in np.divmod(np.arange(1 << 16), 256))
    larger = np.maximum(upper, lower)
    assert line_of(larger, kind, kind, (0.5, 0.5)) is None
    assert line_of(np.zeros(1 << 16, np.int8), kind, kind, (0.5, 0.5)) is None
    exact = np.clip((3 * upper.astype(int) - 2 * lower.astype(int) + 5) >> 2, -100, 99)
    line = line_of(exact.astype(np.int8), kind, kind, (0.75, -0.5))
    assert line is not None
    changed = exact.astype(np.int8)
    changed[128 * 256 + 128] += 1
    assert line_of(changed, kind, kind, (0.75, -0.5)) is None
