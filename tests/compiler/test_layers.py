"""Random layers on random machines, byte for byte with the kernels engine, and proved."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from npusim.errors import CapacityError, NpuError
from npusim.formats.files import load
from tests.compiler.agreement import assert_agrees
from tests.compiler.machines import random_machine
from tests.simulator.random_layers import MAKERS, random_case

SEEDS = range(int(os.environ.get("NPUSIM_CASES", "12")))
RULES = ("tosa", "half_up", "litert-opt", "half_even", "floor", "half_away")
KINDS = [kind for kind in MAKERS if kind not in ("QUANTIZE float", "DEQUANTIZE")]
TABLES = {"LOGISTIC", "TANH", "LEAKY_RELU", "HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1"}
"""Operators whose table of 256 bytes the smallest machines do not hold."""


@pytest.mark.parametrize("kind", KINDS)
def test_random_layers_on_random_machines(kind: str, tmp_path: Path) -> None:
    ran = 0
    for seed in SEEDS:
        case = random_case(kind, seed)
        path = tmp_path / "case.tflite"
        path.write_bytes(case.content)
        machine = random_machine(np.random.default_rng(seed + 7919))
        try:
            network = load(path)
        except NpuError:  # what the importer refuses is not the compiler's business
            continue
        try:
            assert_agrees(network, machine, RULES[seed % len(RULES)], seed)
            ran += 1
        except CapacityError:
            assert kind in TABLES, f"seed {seed}: {case.what} on {machine}"
            assert machine.act_words * machine.size < 256
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {case.what} on {machine}: {error}") from None
    assert ran > len(SEEDS) // 2
