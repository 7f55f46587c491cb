"""Small public files on which an earlier commit failed: each runs and equals its runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from tests.conftest import SHARED, missing
from tools.pages.coverage import MACHINE, comparison, of_litert, of_onnxruntime

FOLDER = SHARED / "faults" / "coverage"
FILES = (
    "act_sm.tflite", "batchm1.onnx", "dyn_mm.onnx", "gemm256.tflite", "gemv.tflite",
    "i16_ADD.tflite", "i16_softmax.tflite", "int16_input_conv.tflite", "mean_scalar.tflite",
    "mulb.tflite", "ort16105f.onnx", "ort3442.onnx", "q_int16_int8.tflite", "q_int32_int16.tflite",
    "q_pad_asym_QDQ_QUInt8_QInt8.onnx", "q_pad_asym_QOperator_QUInt8_QInt8.onnx", "qcdq10.onnx",
    "tconv.tflite",
)  # fmt: skip


def file_of(name: str) -> Path:
    """Return the file's path, or skip (fail where everything is required) without it."""
    path = FOLDER / name
    if not path.exists():
        missing(f"files of earlier faults not found: expected {path}")
    return path


def test_no_file_is_left_out() -> None:
    if not FOLDER.is_dir():
        missing(f"files of earlier faults not found: expected {FOLDER}")
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_engine_gives_the_runtimes_bytes(name: str) -> None:
    path = file_of(name)
    reference = of_litert if path.suffix == ".tflite" else of_onnxruntime
    network = npusim.load(path)
    for seed in range(3):
        inputs, expected = reference(path, np.random.default_rng(seed))
        found = npusim.run(network, inputs).outputs
        assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in expected.items()}
        assert comparison(found, expected)[0] == 0
        on_machine = npusim.run(network, inputs, engine="machine", machine=MACHINE).outputs
        assert comparison(on_machine, expected)[0] == 0


@pytest.mark.parametrize("name", FILES)
def test_nothing_runs_for_free(name: str) -> None:
    cost = npusim.estimate(npusim.load(file_of(name)))
    assert cost.cycles + cost.host_cycles > 0


def test_int16_saturates_where_int8_ends() -> None:
    x = np.array([[8668, 2859, 3926, 28512, 8668, 2859, 3926, 28512]], np.int16)
    network = npusim.load(file_of("q_int16_int8.tflite"))
    (y,) = npusim.run(network, x).outputs.values()
    assert y.tolist() == [[127] * 8]
