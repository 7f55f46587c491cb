"""A scalar is plain Python; a kernel is compiled when called, and few rounds are not worth it."""

from __future__ import annotations

import pytest

from npusim.datapath.jit import PLAIN_ROUNDS, Kernel, operation
from npusim.datapath.round_shift import HALF_UP, round_shift


def test_a_scalar_called_from_python_has_no_bounds() -> None:
    assert round_shift(HALF_UP, (1 << 200) + 1, 1) == (1 << 199) + 1


def test_rounds_add_up_until_compiling_is_worth_it() -> None:
    kernel = Kernel(lambda x: x)
    assert not kernel.is_worth_compiling(PLAIN_ROUNDS)
    assert kernel.is_worth_compiling(1)


def test_an_operation_is_for_kernels_alone() -> None:
    def add_three(context, a, b, c): ...

    with pytest.raises(TypeError, match="add_three can be called from kernels alone"):
        operation(add_three)(1, 2, 3)
