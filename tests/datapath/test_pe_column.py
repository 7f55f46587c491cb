"""pe_column: a column is the sum of its MACs, for every format and number of rows."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest

from npusim.codes.pwlq import code_of as pwlq_code
from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.contract import Port, Unit
from npusim.datapath.mac_piecewise_linear import mac_piecewise_linear
from npusim.datapath.mac_subset import mac_subset
from npusim.datapath.mac_uniform import mac_uniform
from npusim.datapath.merge_regions import UNIT as MERGE
from npusim.datapath.pe_column import UNIT, array_sums, pe_column, tree_levels, vectors
from npusim.datapath.requantize import UNIT as REQUANTIZE
from npusim.datapath.requantize import clamp
from npusim.datapath.weight_decode import (
    LUT,
    PWLQ,
    PWLQ_DOUBLE,
    SUBSET,
    UNIFORM,
    uniform_weight,
)
from npusim.words import ROUNDINGS
from tests.datapath.witnesses import round_fraction, verify_against, verify_cases

BUILD = {"uniform_bits": 8, "pwlq_bits": 4}

CHAIN_BUILD = {**UNIT.parameters, "ROWS": 8}
CHAIN = Unit(
    name="chain_column",
    ports=(
        *UNIT.inputs,
        *(port for port in MERGE.inputs if port.name == "bits"),
        *(port for port in REQUANTIZE.inputs if port.name in ("mode", "shift", "bias")),
        Port("multiplier", "in", 31, lanes=2, meaning="of the merged centre and of the tail"),
        *REQUANTIZE.outputs,
    ),
    latency_cycles=UNIT.latency(CHAIN_BUILD) + MERGE.latency({}) + REQUANTIZE.latency({}),
    scalar=pe_column,  # always replaced: the schemes' definitions are the golden forms
    parameters={
        **CHAIN_BUILD,
        "COLUMN_CYCLES": UNIT.latency(CHAIN_BUILD),
        "MERGE_CYCLES": MERGE.latency({}),
    },
)
"""From weights to an output of zero point 3: chains/npu_chain_column.v."""


def one_after_the_other(weight, xe, format, uniform_bits, pwlq_bits):
    """Return the sums as the single MACs make them, a row at a time."""
    acc = (0, 0, 0)
    for wires, operand in zip(weight, xe, strict=True):
        if format in (UNIFORM, LUT, PWLQ_DOUBLE):
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


def output(total: int, mode: int, shift: int) -> int:
    """Round the product sum once, exactly; modes 0..3."""
    rounded = round_fraction(Fraction(total, 1 << shift), ROUNDINGS[mode])
    return clamp(rounded + 3, -128, 127)


def zero_point_cases(rng: Random, weight_format: int, bits: int, count: int):
    """Yield twice the inputs of the chain, and the output by definition.

    First the operands are x - z; then they are x, and the bias is the folded one. A layer's weights
    in integers are pairs (of M1, of M2): (w, 0) for uniform; for pwlq +-(g, 0) in the centre and
    +-(n, g) in the tail, which is the two-accumulator form.
    """
    n = (1 << (bits - 1)) - 1
    pwlq_bits = CHAIN.parameters["PWLQ_BITS"]
    for _ in range(count):
        wires, pairs = [], []
        for _ in range(CHAIN.parameters["ROWS"]):
            sign, tail, g = rng.getrandbits(1), rng.getrandbits(1), rng.randint(0, n)
            if weight_format == PWLQ:
                wires.append(pwlq_code(sign, tail, g, pwlq_bits))
                pair = (n, g) if tail else (g, 0)
                pairs.append((-pair[0], -pair[1]) if sign else pair)
            else:
                wires.append(rng.getrandbits(8))
                pairs.append((int.from_bytes(bytes(wires[-1:]), signed=True), 0))
        zero_point = rng.choice((-128, -127, 0, 127))
        x = [rng.randint(-128, 127) for _ in wires]
        multiplier = (rng.randint(1 << 28, (1 << 30) - 1), rng.randint(1 << 28, (1 << 31) - 1))
        mode = rng.randrange(4)
        products = [sum(m * w for m, w in zip(multiplier, pair, strict=True)) for pair in pairs]
        bias = rng.randint(-(1 << 40), 1 << 40)
        total = bias + sum(p * (v - zero_point) for p, v in zip(products, x, strict=True))
        shift = max(1, abs(total).bit_length() - rng.randint(3, 8))
        if rng.random() < 0.3:  # an exact tie, by way of the bias
            half = 1 << (shift - 1)
            step = half - total % (1 << shift)
            total, bias = total + step, bias + step
        inputs = {
            "format": weight_format, "weight": tuple(wires), "bits": bits, "mode": mode,
            "shift": shift, "multiplier": multiplier,
        }  # fmt: skip
        folded = bias - zero_point * sum(products)
        expected = output(total, mode, shift)
        yield {**inputs, "xe": tuple(v - zero_point for v in x), "bias": bias}, expected
        yield {**inputs, "xe": tuple(x), "bias": folded}, expected


@pytest.mark.rtl
def test_rtl_of_three_accumulators_is_the_two_accumulator_form_and_folds_the_zero_point(icarus):
    """pwlq's regions through column, merge and epilogue, against sum (M1 w1 + M2 w2) (x - z)."""
    cases = [case for bits in (2, 3, 4) for case in zero_point_cases(Random(bits), PWLQ, bits, 400)]
    verify_cases(CHAIN, cases)


@pytest.mark.rtl
def test_rtl_of_uniform_weights_folds_the_zero_point(icarus):
    verify_cases(CHAIN, list(zero_point_cases(Random(1), UNIFORM, 8, 600)))
