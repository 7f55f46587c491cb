"""requantize_float: against float32 itself, as numpy and the runtimes' formula compute it."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.requantize_float import (
    GOLDEN_SCALE,
    MAGNITUDE_LIMIT,
    UNIT,
    directed,
    exact,
    requantize_float,
    requantize_float_all,
    vectors,
)
from tests.datapath.witnesses import verify_against

INT8 = {"zero_point": 0, "low": -128, "high": 127}


def by_float32(acc, bias, scale, zero_point, low, high):
    """Return clamp(rint(float32(acc + bias) * scale) + zero_point) in numpy's float32."""
    with np.errstate(over="ignore", under="ignore"):
        product = np.float32(acc + bias) * np.uint32(scale).view(np.float32)
    relative = np.clip(np.rint(product), low - zero_point, high - zero_point)
    return int(relative) + zero_point


def test_it_is_float32():
    for values in (*directed(), *vectors(Random(1), 60_000)):
        assert requantize_float(**values) == by_float32(**values), values


def test_the_exact_value_is_near_the_unclamped_output():
    for values in vectors(Random(2), 3_000):
        operands = {k: v for k, v in values.items() if k not in ("low", "high")}
        wide = {**values, "low": -(1 << 20), "high": 1 << 20}
        if abs(exact(**operands) - values["zero_point"]) < MAGNITUDE_LIMIT:
            assert abs(requantize_float(**wide) - exact(**operands)) <= 1


def test_the_row_that_everyone_argues_about():
    """585 * scale is 6.5 in float32 and goes to even: 6, where the integer rules find 7."""
    golden = np.float32(0.0766) * np.float32(float.fromhex("0x1.83dac2p-10")) / np.float32(0.0102)
    assert int(np.float32(golden).view(np.uint32)) == GOLDEN_SCALE
    assert requantize_float(585, 0, GOLDEN_SCALE, **INT8) == 6


def test_the_kernel_is_the_scalar():
    rows = [{**row, "zero_point": -3, "low": -100, "high": 90} for row in vectors(Random(3), 5_000)]
    columns = {
        name: np.array([row[name] for row in rows], np.int64) for name in ("acc", "bias", "scale")
    }
    out = np.empty(len(rows), np.int16)
    requantize_float_all(**columns, bounds=(-3, -100, 90), out=out)
    assert out.tolist() == [requantize_float(**row) for row in rows]


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
def test_rtl_is_float32(icarus):
    verify_against(UNIT, by_float32)
