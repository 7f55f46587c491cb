"""What must hold on every machine: more never costs more, and every cycle has a cause.

Simulators were caught breaking these: more scratchpad and more traffic, more bandwidth and more
cycles, negative stalls, operators that cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import npusim
from npusim import operators as op
from npusim.analysis.absorbed import absorbed
from npusim.engines.estimate import estimate
from npusim.engines.program_cost import ProgramCost
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.isa import spec
from npusim.isa.instructions import vec
from npusim.machines import Machine
from npusim.machines.machine import Array
from npusim.machines.memories import Bus, Memory, Scratchpads
from npusim.machines.prices import Clock
from npusim.simulator.run import time_program
from tests.conftest import DIGITS

GROWING = (
    "act_banks", "act_bank_words", "wgt_banks", "wgt_bank_words", "par_banks", "par_bank_words",
    "acc_words",
)  # fmt: skip
MOST_BANKS = {"act_banks": 8, "wgt_banks": 4, "par_banks": 4}


class Shapes:
    """An ONNX graph of shapes alone, layer after layer: (output, attributes) of each."""

    def __init__(self, channels: int, side: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs = [self.value("x", 1, channels, side, side)]
        self.last, self.channels = "x", channels

    @staticmethod
    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def layer(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, inputs or (self.last,), [name], name, **attributes)
        )
        self.last = name
        return name

    def conv(self, filters: int, kernel: int, stride: int = 1, depthwise: bool = False) -> str:
        groups = self.channels if depthwise else 1
        weight = f"w{len(self.nodes)}"
        self.inputs.append(self.value(weight, filters, self.channels // groups, kernel, kernel))
        self.channels = filters
        return self.layer(
            "Conv", self.last, weight, group=groups, strides=[stride] * 2, pads=[kernel // 2] * 4
        )

    def network(self, path: Path, classes: int) -> Network:
        self.layer("GlobalAveragePool")
        self.layer("Flatten")
        self.inputs.append(self.value("fc_weight", self.channels, classes))
        self.layer("Gemm", self.last, "fc_weight")
        result = self.value(self.last, 1, classes)
        graph = helper.make_graph(self.nodes, path.stem, self.inputs, [result])
        onnx.save(helper.make_model(graph, ir_version=8), path)
        return npusim.load(path)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Network]:
    """Return a shipped network, one of depthwise layers, one of residuals and pools."""
    folder = tmp_path_factory.mktemp("shapes")
    mobile = Shapes(3, 40)
    mobile.conv(20, 3, 2)
    mobile.conv(20, 3, depthwise=True)
    mobile.conv(40, 1)
    mobile.conv(40, 5, 2, depthwise=True)
    skip = mobile.conv(70, 1)
    mobile.conv(70, 3, depthwise=True)
    mobile.layer("Add", mobile.conv(70, 1), skip)
    residual = Shapes(3, 37)
    residual.conv(33, 7, 2)
    skip = residual.layer("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    residual.conv(33, 3)
    residual.layer("Add", residual.conv(33, 3), skip)
    residual.conv(90, 3, 2)
    return {
        "digits": npusim.load(DIGITS / "digits_int8.onnx"),
        "mobile": mobile.network(folder / "mobile.onnx", 30),
        "residual": residual.network(folder / "residual.onnx", 10),
    }


def powers(low: int, high: int) -> st.SearchStrategy[int]:
    return st.sampled_from([1 << i for i in range(low.bit_length() - 1, high.bit_length())])


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Draw a machine of a deterministic memory without random waits."""
    size = draw(powers(4, 32))
    return Machine(
        name="drawn",
        array=Array(size, ("uniform8",), 0),
        scratchpads=Scratchpads(
            draw(powers(2, 8)), draw(powers(64, 512)), draw(powers(2, 4)), draw(powers(64, 512)),
            2, draw(powers(64, 256)), draw(powers(64, 512)),
        ),
        bus=Bus(min(size, draw(powers(4, 16))), draw(powers(4, 64))),
        memory=Memory("fixed", draw(st.integers(1, 80)), draw(powers(1, 16)), 1, 1 << 26),
        clock=Clock(10**8),
    )  # fmt: skip


@cache
def cost(network: Network, machine: Machine) -> ProgramCost:
    return estimate(network, machine)


def enlarged(machine: Machine) -> Iterator[tuple[str, Machine]]:
    """Yield `machine` with twice of each scratchpad's banks, or of their words."""
    for key in GROWING:
        value = 2 * getattr(machine.scratchpads, key)
        if value <= MOST_BANKS.get(key, value):
            yield key, machine.with_({f"scratchpads.{key}": value})


NAMES = ("digits", "mobile", "residual")
examples = settings(max_examples=8, derandomize=True, deadline=None, database=None)


@pytest.mark.parametrize("name", NAMES)
def test_more_scratchpad_never_moves_more_bytes(networks: dict[str, Network], name: str) -> None:
    @examples
    @given(machines())
    def check(machine: Machine) -> None:
        before = cost(networks[name], machine).dram_bytes
        for key, larger in enlarged(machine):
            assert cost(networks[name], larger).dram_bytes <= before, key

    check()


@pytest.mark.parametrize("name", NAMES)
def test_more_bandwidth_never_costs_cycles(networks: dict[str, Network], name: str) -> None:
    @examples
    @given(machines())
    def check(machine: Machine) -> None:
        before = cost(networks[name], machine).cycles
        bus = machine.bus
        if 2 * bus.bus_bytes <= min(machine.size, 64):
            wider = machine.with_({"bus.bus_bytes": 2 * bus.bus_bytes})
            assert cost(networks[name], wider).cycles <= before

    check()


@pytest.mark.parametrize("name", NAMES)
def test_less_latency_never_costs_cycles(networks: dict[str, Network], name: str) -> None:
    """Compiled for the faster memory, and the same program on it."""

    @examples
    @given(machines(), st.integers(0, 3))
    def check(machine: Machine, halvings: int) -> None:
        before = cost(networks[name], machine)
        cycles = max(machine.memory.latency_cycles >> halvings, 1)
        faster = machine.with_({"memory.latency_cycles": cycles})
        assert cost(networks[name], faster).cycles <= before.cycles
        same = time_program(before.program, faster)
        assert sum(timeline.cycles for timeline in same) <= before.cycles

    check()


@pytest.mark.parametrize("name", NAMES)
def test_every_cycle_has_a_cause_and_every_layer_a_cost(
    networks: dict[str, Network], name: str
) -> None:
    @examples
    @given(machines(), st.booleans(), st.integers(1, 1000))
    def check(machine: Machine, waits: bool, seed: int) -> None:
        if waits:
            machine = machine.with_({"memory.model": "lfsr", "memory.seed": seed})
        found = cost(networks[name], machine)
        for timeline in time_program(found.program):
            assert (timeline.stalls >= 0).all()
            for row in timeline.counters().values():
                assert min(row.values()) >= 0
                assert sum(row.values()) == timeline.cycles
        assert sum(layer.cycles for layer in found.layers) == found.cycles
        assert all(layer.cycles > 0 and layer.dram_bytes > 0 for layer in found.layers)
        costed = {layer.name for layer in found.layers} | set(found.host_operators)
        costed |= {one.name for one in absorbed(networks[name], found.program) if one.layer}
        for node in networks[name].nodes:
            if isinstance(
                node.operator, op.Conv2D | op.FullyConnected | op.MaxPool | op.AveragePool | op.Mean
            ):
                assert node.name in costed

    check()


def test_an_operator_that_nobody_computes_is_an_error() -> None:
    """The host's operators have no cycles and are named; one that nobody has is none."""
    x = Tensor("x", (1, 4, 4, 3), np.dtype("int8"), Quantization(np.float32(1), np.int64(0)))
    y = replace(x, name="y")
    for operator, is_known in ((op.Softmax(3), True), (op.BatchNormalization(1e-5), False)):
        inputs = ("x",) if is_known else ("x", "c", "c", "c", "c")
        constant = Tensor("c", (3,), np.dtype("float32"), data=np.ones(3, np.float32))
        tensors = {t.name: t for t in (x, y, constant)}
        node = Node("product", operator, inputs, ("y",))
        network = Network("alone", "npusim", (node,), tensors, ("x",), ("y",))
        if is_known:
            assert estimate(network, Machine.load("nano")).host_operators == ("product",)
            continue
        with pytest.raises(UnsupportedError, match="product: neither the machine nor the host"):
            estimate(network, Machine.load("nano"))


def test_a_vector_operation_without_a_duration_is_an_error(
    monkeypatch: pytest.MonkeyPatch, networks: dict[str, Network]
) -> None:
    program = cost(networks["residual"], Machine.load("nano")).program
    monkeypatch.setattr(vec, "VEC_OPS", (*spec.VEC_OPS[:-1], "unheard of"))
    with pytest.raises(KeyError, match="unheard of"):
        time_program(program)
