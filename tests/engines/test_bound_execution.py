"""Executions with their arrays bound: the same tensors as the ones before, whatever is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npusim import load
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.toggles import CountingRun
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from tests.conftest import DIGITS


@pytest.mark.parametrize("samples", [None, 2])
def test_the_same_bytes_before_and_after(shared: Path, samples: int | None) -> None:
    """The host computes the last layer of kws, from what one run leaves."""
    for path in (DIGITS / "digits_int8.onnx", shared / "models/tflite/kws_dscnn_int8.tflite"):
        network = load(path)
        compiled = MachineNetwork(network, Machine.load("base"), samples=samples, keep_tensors=True)
        tensor, each = network.tensors[network.inputs[0]], samples or 1
        shape = (5 * each, *tensor.shape[1:])
        x = np.random.default_rng(1).integers(-128, 128, shape).astype(tensor.dtype)
        inputs = {tensor.name: np.ascontiguousarray(tensor.in_file_order(x))}
        kept = tuple(place.name for place in compiled.program.places)
        expected = prepare(network, compiled.program.requant).run(inputs, keep=kept)
        for keep in (network.outputs, kept):
            first = None
            for i in range(5):
                part = slice(i * each, (i + 1) * each)
                one = {name: value[part] for name, value in inputs.items()}
                found, (run,) = compiled.run(one, keep)
                first = first or (found, {name: found[name].copy() for name in keep})
                for name in keep:
                    assert np.array_equal(found[name], expected[name][part]), (name, i)
                assert run.timelines[0].cycles > 0
            assert keep in compiled._bound
            outputs, copies = first or ({}, {})
            assert all(np.array_equal(outputs[name], copies[name]) for name in keep)
        together, runs = compiled.run(inputs)
        assert len(runs) == 5
        assert all(np.array_equal(together[n], expected[n]) for n in network.outputs)


def test_bits_are_counted_before_and_after() -> None:
    network = load(DIGITS / "digits_int8.onnx")
    counting = CountingRun()
    compiled = MachineNetwork(network, Machine.load("nano"), execute=counting)
    shape = (1, *network.tensors[network.inputs[0]].shape[1:])
    x = np.random.default_rng(3).integers(-128, 128, shape).astype(np.int8)
    found = []
    for _ in range(4):
        compiled.run({network.inputs[0]: x})
        found.append({step: counted.copy() for step, counted in counting.features.items()})
    assert compiled._bound
    for step, once in found[0].items():
        assert once.any()
        for times, counted in enumerate(found, 1):
            assert np.array_equal(counted[step], times * once)
