"""Bilinear interpolation runs on the requantizers, with every byte of the kernels."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import operators as op
from npusim.compiler.emit.interpolation import runs
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from tests.compiler.agreement import assert_agrees
from tests.compiler.machines import random_machine
from tests.compiler.test_rearranged import eager

RULES = ("litert", "litert-opt", "xnnpack", "half_up", "tosa")
SAME = Quantization(np.array(0.5, np.float32), np.array(3, np.int64))


def resized(
    shape: tuple[int, ...], size: tuple[int, int], dtype: str, corners: bool, centers: bool
) -> Network:
    operator = op.ResizeBilinear(size, corners, centers)
    kind = np.dtype(dtype)
    tensors = {
        "x": Tensor("x", shape, kind, SAME),
        "y": Tensor("y", (shape[0], *size, shape[3]), kind, SAME),
    }
    return Network(
        "resized", "npusim", (Node("node", operator, ("x",), ("y",)),), tensors, ("x",), ("y",)
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_bytes_equal_the_kernels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width, channels = (int(n) for n in rng.integers(1, (7, 7, 10)))
    size = (int(rng.integers(1, 13)), int(rng.integers(1, 13)))
    corners = bool(rng.integers(2))
    if seed % 2:
        factor = int(rng.choice([1, 2, 4, 3]))
        size = (height * factor, width * factor)
        if corners:
            size = ((height - 1) * factor + 1, (width - 1) * factor + 1)
    dtype = ("int8", "uint8")[seed % 3 == 0]
    shape = (int(rng.integers(1, 3)), height, width, channels)
    network = resized(shape, size, dtype, corners, not corners and bool(rng.integers(2)))
    machine = Machine.load("nano") if seed % 4 else random_machine(rng, 32)
    rule = RULES[seed % len(RULES)]
    compiled = assert_agrees(network, eager(machine), rule, seed)
    kinds = [step.kind for step in compiled.program.steps]
    if dtype == "int8" or rule not in ("litert", "litert-opt"):
        assert kinds == ["run"]


def test_runs_hold_each_output_once() -> None:
    low = np.array([0, 0, 1, 1, 2, 2, 2, 5, 5])
    share = np.array([0, 3, 0, 3, 0, 3, 5, 0, 3])
    found = {
        run.places.to + i * run.places.to_step: (run.places.first + i * run.places.step, run.share)
        for run in runs(low, share)
        for i in range(run.places.count)
    }
    assert found == dict(enumerate(zip(low.tolist(), share.tolist(), strict=True)))
    assert sum(run.places.count for run in runs(low, share)) == len(low)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_an_image_sixteen_times_as_large(dtype: str) -> None:
    """As DeepLab's: shares of sixteenths, which float32 adds without rounding."""
    network = resized((1, 5, 4, 21), (65, 49), dtype, True, False)
    compiled = assert_agrees(network, Machine.load("base"), "litert")
    assert [step.kind for step in compiled.program.steps] == ["run"]
