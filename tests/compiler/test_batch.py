"""A batch as a dimension: layers take all samples at once, and give the bytes of each alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npusim import operators as op
from npusim.compiler.compile import compile_network
from npusim.engines.engine import run
from npusim.engines.estimate import estimate
from npusim.engines.machine_network import MachineNetwork, read_tensor
from npusim.errors import UnsupportedError
from npusim.formats.files import load
from npusim.graph.network import Network, Node
from npusim.graph.samples import declared_samples, of_samples
from npusim.graph.tensor import Tensor
from npusim.isa.traffic import dram_bytes
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.simulator.run import load_image
from tests.compiler.agreement import prove_program, random_inputs
from tests.compiler.blocks import Builder

DIGITS = Path(__file__).resolve().parents[2] / "npusim/networks/digits/digits_int8.onnx"


def gemm(rows: int, inputs: int = 96, outputs: int = 40) -> Network:
    b = Builder((rows, inputs))
    y = b.weighted(op.FullyConnected(), "x", (outputs, inputs))
    return b.network(y)


def of_all_kinds(samples: int) -> Network:
    """Padded and depthwise convolutions, pools, a sum, operators that take samples one by one."""
    b = Builder((1, 9, 7, 20))
    x = b.conv("x", 24, 3)
    y = b.conv(b.conv(x, 24, 3, depthwise=True), 24)
    x = b.node(op.Add(), x, y)
    x = b.moved(op.MaxPool(op.Window((3, 3), (2, 2), padding=(1, 1, 1, 1))), x)
    x = b.moved(op.ResizeNearest((8, 8)), x)
    x = b.moved(op.Transpose((0, 2, 1, 3)), x)
    x = b.conv(x, 16, 3)
    x = b.moved(op.Mean((1, 2), False), x)
    return of_samples(b.network(b.weighted(op.FullyConnected(), x, (10, 16))), samples)


def assert_runs(network: Network, machine: Machine, samples: int) -> None:
    """Compare all tensors of a program of all samples with the kernels; one sample is filled up."""
    for keep in (True, False):
        program = compile_network(network, machine, keep_tensors=keep, samples=samples)
        prove_program(program)
        compiled = MachineNetwork(network, machine, keep_tensors=keep, samples=samples)
        x = random_inputs(network, 3)
        x = {name: np.concatenate([value, value[:1]]) for name, value in x.items()}
        names = [place.name for place in program.places] if keep else network.outputs
        found, runs = compiled.run(x, names)
        assert len(runs) == 2
        expected = prepare(network, program.requant).run(x, keep=names)
        for name in names:
            assert np.array_equal(found[name], expected[name]), name


@pytest.mark.parametrize("shape", [(1, 5), (1, 4, 5), (1, 3, 4, 21)])
def test_channels_are_summed_of_all_samples_at_once(shape: tuple[int, ...]) -> None:
    b = Builder(shape)
    y = b.node(op.Sum((len(shape) - 1,), True), "x")
    assert_runs(of_samples(b.network(y), 3), Machine.load("nano"), 3)


@pytest.mark.parametrize("name", ["nano", "base"])
def test_all_samples_at_once_give_the_bytes_of_each(name: str) -> None:
    assert_runs(of_all_kinds(3), Machine.load(name), 3)
    assert_runs(gemm(5), Machine.load(name), 5)


def test_a_shipped_network_in_batches() -> None:
    network = of_samples(load(DIGITS), 4)
    assert declared_samples(network) == 4
    assert_runs(network, Machine.load("small"), 4)


def test_weights_are_loaded_once_for_all_rows() -> None:
    one, many = (estimate(gemm(rows), "base") for rows in (1, 256))
    assert many.program.samples == 256
    assert many.macs == 256 * one.macs
    weights_and_constants = one.dram_bytes - 96 - 40
    activations = 256 * (96 + 48)  # bytes of a row: beats of 8
    assert many.dram_bytes <= weights_and_constants + activations
    assert many.cycles < 256 * one.cycles / 8


def test_a_batch_moves_no_more_bytes_than_its_samples() -> None:
    network = load(DIGITS)
    for machine in ("nano", "base", "wide"):
        single = dram_bytes(estimate(network, machine).program)
        for batch in (2, 6, 8):
            program = estimate(network, machine, batch=batch).program
            assert batch % program.samples == 0
            assert dram_bytes(program) <= single * program.samples


def mixing() -> Network:
    """A batch that is reversed, and an operand that has none: runs stand as they are."""
    b = Builder((3, 4, 8))
    x = b.moved(op.Reverse((0,)), "x")
    tensors = {t.name: t for t in b.tensors.values()}
    weights = replace(tensors["x"], name="v", shape=(8,))
    y = replace(tensors[x], name="y")
    node = Node("sub", op.Sub(), (x, "v"), ("y",))
    tensors |= {"v": weights, "y": y}
    return Network("mixing", "npusim", (*b.nodes, node), tensors, ("x", "v"), ("y",))


@pytest.mark.parametrize("runs", [1, 3])
def test_a_network_that_mixes_samples_runs_as_it_stands(runs: int) -> None:
    network, rng = mixing(), np.random.default_rng(runs)
    assert declared_samples(network) == 1
    x = {"x": rng.integers(-128, 128, (3 * runs, 4, 8)), "v": rng.integers(-128, 128, 8 * runs)}
    given = {name: value.astype(network.tensors[name].dtype) for name, value in x.items()}
    found = run(network, given, engine="machine", machine="nano")
    expected = run(network, given)
    assert found.outputs["y"].shape == (3 * runs, 4, 8)
    assert np.array_equal(found.outputs["y"], expected.outputs["y"])
    assert found.samples == expected.samples == runs
    with pytest.raises(UnsupportedError, match="expected one run of a network that mixes batches"):
        estimate(network, "base", batch=2)


def test_an_output_that_is_constant_has_a_place() -> None:
    held = Tensor("y", (2, 3), np.dtype("int32"), None, np.arange(6, dtype=np.int32).reshape(2, 3))
    tensors = {"x": Tensor("x", (1, 4), np.dtype("int8")), "y": held}
    network = Network("held", "npusim", (), tensors, ("x",), ("y",))
    program = compile_network(network, Machine.load("nano"))
    x = np.zeros((1, 4), np.int8)
    assert np.array_equal(read_tensor(program, load_image(program), "y"), held.data)
    found = run(network, x, engine="machine", machine="nano")
    assert np.array_equal(found.outputs["y"], held.data)


def test_figures_agree_with_the_samples() -> None:
    network = gemm(8)
    x = random_inputs(network, 1)["x"]
    for engine in ("kernels", "machine"):
        found = run(network, x, engine=engine).as_json()
        assert found["batch"] == found["samples"] == 8
        assert found["macs"] == 8 * 96 * 40
    told = estimate(replace(network), "base").as_json()
    assert (told["batch"], told["macs"]) == (8, 8 * 96 * 40)


def test_a_batch_on_the_verilog() -> None:
    network = of_all_kinds(2)
    x = random_inputs(network, 5)
    found = run(network, x, engine="rtl", machine="nano")
    expected = run(network, x, engine="machine", machine="nano")
    assert found.cycles == expected.cycles
    assert found.batch == expected.batch
    for name, values in expected.outputs.items():
        assert np.array_equal(found.outputs[name], values)
