"""pe_column: a column is the sum of its MACs, for every format and number of rows."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.mac_piecewise_linear import mac_piecewise_linear
from npusim.datapath.mac_subset import mac_subset
from npusim.datapath.mac_uniform import mac_uniform
from npusim.datapath.pe_column import UNIT, array_sums, pe_column, tree_levels, vectors
from npusim.datapath.weight_decode import PWLQ, SUBSET, UNIFORM, uniform_weight
from tests.datapath.witnesses import verify_against

BUILD = {"uniform_bits": 8, "pwlq_bits": 4}


def one_after_the_other(weight, xe, format, uniform_bits, pwlq_bits):
    """Return the sums as the single MACs make them, a row at a time."""
    acc = (0, 0, 0)
    for wires, operand in zip(weight, xe, strict=True):
        if format == UNIFORM:
            acc = (mac_uniform(uniform_weight(wires, uniform_bits), operand, acc[0]), 0, 0)
        elif format == SUBSET:
            acc = (mac_subset(wires, operand, acc[0]), 0, 0)
        else:
            acc = mac_piecewise_linear(wires, operand, *acc, pwlq_bits=pwlq_bits)
    return acc


@pytest.mark.parametrize("rows", [2, 3, 16, 64])
def test_a_column_is_the_sum_of_its_macs(rows):
    for values in vectors(Random(rows), 500, rows, 8, 1, 4):
        assert pe_column(**values, **BUILD) == one_after_the_other(**values, **BUILD)


@pytest.mark.parametrize("rows", [2, 5, 16, 32])
def test_the_sums_fit_their_ports(rows):
    parameters = {**UNIT.parameters, "ROWS": rows}
    for weight_format, weights in (
        (UNIFORM, (0x80, 0x7F)),
        (SUBSET, (0b00000, 0b10000)),
        (PWLQ, (0b00111, 0b10111, 0b01111, 0b11111)),
    ):
        for weight in weights:
            for xe in (-255, 255):
                sums = pe_column((weight,) * rows, (xe,) * rows, weight_format, **BUILD)
                for port, value in zip(UNIT.outputs, sums, strict=True):
                    port.require(value, parameters)


def test_the_tree_has_four_inputs_a_node():
    levels = {rows: tree_levels({"ROWS": rows}) for rows in (2, 4, 5, 16, 17, 64)}
    assert levels == {2: 1, 4: 1, 5: 2, 16: 2, 17: 3, 64: 3}


@pytest.mark.parametrize("weight_format", [UNIFORM, SUBSET, PWLQ])
def test_the_kernel_is_the_scalar(weight_format):
    rng = np.random.default_rng(weight_format)
    bits = {UNIFORM: 8, SUBSET: 5, PWLQ: 5}[weight_format]
    weights = rng.integers(0, 1 << bits, (16, 32)).astype(np.int16)
    operands = rng.integers(-255, 256, 32).astype(np.int16)
    sums = np.empty((16, 3), np.int64)
    array_sums(weights, operands, weight_format, 8, 4, sums)
    expected = [
        pe_column(tuple(column), tuple(operands.tolist()), weight_format, **BUILD)
        for column in weights.tolist()
    ]
    assert [tuple(row) for row in sums.tolist()] == expected


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
@pytest.mark.parametrize("rows", [2, 4, 16])
def test_rtl_is_the_sum_of_the_macs(icarus, rows):
    verify_against(UNIT, one_after_the_other, count=2_000, ROWS=rows)
