"""Whole networks on every machine that comes with npusim, against the kernels engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from npusim.compiler.compile import compile_network
from npusim.formats.files import load
from npusim.machines import Machine
from tests.compiler.agreement import assert_agrees

DIGITS = Path(__file__).resolve().parents[2] / "npusim/networks/digits/digits_int8.onnx"
MACHINES = ("nano", "small", "base", "wide")
TFLITE = (
    "ad_ae_int8", "coral_mobilenet_v1_025_128_uint8", "coral_tf2_mobilenet_v2_ptq",
    "ic_resnet8_int8", "ic_resnet_6blk_int8", "ic_resnet_large_int8", "kws_dscnn_int8",
    "tflm_hello_world_int8", "tflm_micro_speech_int8", "tflm_mobilenet_v2_int8",
    "tflm_person_detect_int8_qdimfix", "vww_14blk_int8", "vww_mbv1_int8",
)  # fmt: skip


@pytest.mark.parametrize(
    "rule", ["half_up", "half_even", "half_away", "floor", "tosa", "litert-opt"]
)
@pytest.mark.parametrize("machine", MACHINES)
def test_digits(machine: str, rule: str) -> None:
    assert_agrees(load(DIGITS), Machine.load(machine), rule)


@pytest.mark.shared
@pytest.mark.parametrize("name", TFLITE)
@pytest.mark.parametrize("machine", MACHINES)
def test_integer_tflite_networks(shared: Path, machine: str, name: str) -> None:
    assert_agrees(load(shared / f"models/tflite/{name}.tflite"), Machine.load(machine))


def test_equal_inputs_give_equal_bytes() -> None:
    network, machine = load(DIGITS), Machine.load("small")
    first, second = (compile_network(network, machine).to_bytes() for _ in range(2))
    assert first == second


def test_tensors_share_space_unless_kept() -> None:
    network, machine = load(DIGITS), Machine.load("base")
    sizes = [
        compile_network(network, machine, keep_tensors=keep).regions[1].size_bytes
        for keep in (False, True)
    ]
    assert sizes[0] <= sizes[1]
