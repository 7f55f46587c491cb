"""Products, root and solution against numpy's linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.quant.encoders import factor

RANDOM = np.random.default_rng(22)


@pytest.mark.parametrize("positions", [1, 3, 4, 11])
def test_products(positions: int) -> None:
    a, b = RANDOM.normal(size=(positions, 6)), RANDOM.normal(size=(positions, 7))
    total = np.ones((6, 7))
    factor.add_products(a, b, 1, 5, total)
    expected = np.ones((6, 7))
    expected[1:5] += (a.T @ b)[1:5]
    assert np.allclose(total, expected)


def test_squares() -> None:
    a = RANDOM.normal(size=(11, 6))
    total = np.ones((6, 6))
    factor.add_squares(a, 1, 5, total)
    expected = np.ones((6, 6))
    expected[1:5] += np.triu(a.T @ a)[1:5]
    assert np.allclose(total, expected)


def test_group_products() -> None:
    a, b = RANDOM.normal(size=(9, 4, 3)), RANDOM.normal(size=(9, 4, 3))
    total = np.zeros((4, 3, 3))
    factor.add_group_products(a, b, total)
    assert np.allclose(total, np.einsum("pgi,pgj->gij", a, b))


@pytest.mark.parametrize("size", [1, 2, 4, 5, 31])
def test_root_and_solution(size: int) -> None:
    x = RANDOM.normal(size=(2 * size, size))
    matrix = x.T @ x
    upper = matrix.copy()
    assert factor.root(upper)
    assert np.allclose(np.triu(upper), np.linalg.cholesky(matrix).T)
    right = RANDOM.normal(size=(size, 3))
    solved = right.copy()
    factor.solve(upper, solved)
    assert np.allclose(matrix @ solved, right)


def test_a_matrix_that_is_not_positive_has_no_root() -> None:
    assert not factor.root(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_damping_makes_any_moments_positive() -> None:
    assert np.array_equal(factor.damped(np.zeros((2, 2)), 0.5), 0.5 * np.eye(2))
    assert np.allclose(factor.damped(np.diag([1.0, 3.0]), 0.5), np.diag([2.0, 4.0]))
