"""Float operators between DequantizeLinear and QuantizeLinear of one byte: a table, every byte."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from npusim import operators as op
from npusim.analysis.absorbed import absorbed
from npusim.engines.machine_network import MachineNetwork
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from npusim.operators.hard_sigmoid import HardSigmoid
from npusim.operators.softplus import Softplus
from npusim.operators.square import Square
from tests.compiler.agreement import assert_agrees
from tests.compiler.machines import random_machine

RULES = ("onnxruntime", "onnx", "litert", "half_up")
SHAPE = (1, 3, 5, 9)
ONE = (op.Abs(), op.Clip(-1.0, 2.0), op.Exp(), op.HardSwish(), HardSigmoid(0.2, 0.5), op.Neg(),
       op.Sigmoid(), Softplus(), op.Tanh(), Square())  # fmt: skip
WITH_NUMBER = (op.Add(), op.Div(), op.Maximum(), op.Mul(), op.PRelu(), op.Sub())
WITH_EARLIER = (op.Add(), op.Maximum(), op.Mul(), op.Sub())


class Maker:
    """A network of floats behind bytes, node by node."""

    def __init__(self, dtype: str, scale: float = 0.03, zero_point: int = 5) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.bytes("x", dtype, scale, zero_point)

    def bytes(self, name: str, dtype: str, scale: float, zero_point: int) -> None:
        q = Quantization(np.array(scale, np.float32), np.array(zero_point))
        self.tensors[name] = Tensor(name, SHAPE, np.dtype(dtype), q)

    def floats(self, operator: op.Operator, *names: str) -> str:
        out = f"f{len(self.nodes)}"
        self.tensors[out] = Tensor(out, SHAPE, np.dtype(np.float32))
        self.nodes.append(Node(f"node{len(self.nodes)}", operator, names, (out,)))
        return out

    def number(self, value: float, shape: tuple[int, ...] = (1,)) -> str:
        name = f"c{len(self.tensors)}"
        data = np.full(shape, value, np.float32)
        self.tensors[name] = Tensor(name, shape, data.dtype, None, data)
        return name

    def quantized(self, name: str, dtype: str, scale: float = 0.05, zero_point: int = 7) -> None:
        out = f"y{len(self.nodes)}"
        self.bytes(out, dtype, scale, zero_point)
        self.nodes.append(Node(f"node{len(self.nodes)}", op.Quantize(), (name,), (out,)))

    def network(self, *outputs: str, inputs: Sequence[str] = ("x",)) -> Network:
        ends = outputs or self.nodes[-1].outputs
        return Network("island", "onnx", tuple(self.nodes), self.tensors, tuple(inputs), ends)


def drawn(rng: np.random.Generator) -> Network:
    """Return a few operators in a row; some read a number, or what came before."""
    kinds = [("int8", "uint8")[int(i)] for i in rng.integers(0, 2, 2)]
    m = Maker(kinds[0], float(2 ** rng.uniform(-8, -3)), int(rng.integers(0, 127)))
    made = [m.floats(op.Dequantize(), "x")]
    for _ in range(int(rng.integers(1, 5))):
        way = int(rng.integers(3))
        if way == 0:
            made.append(m.floats(ONE[int(rng.integers(len(ONE)))], made[-1]))
        elif way == 1:
            operator = WITH_NUMBER[int(rng.integers(len(WITH_NUMBER)))]
            made.append(m.floats(operator, made[-1], m.number(float(rng.uniform(0.1, 3)))))
        else:
            operator = WITH_EARLIER[int(rng.integers(len(WITH_EARLIER)))]
            made.append(m.floats(operator, made[int(rng.integers(len(made)))], made[-1]))
    m.quantized(made[-1], kinds[1], float(2 ** rng.uniform(-7, 0)), int(rng.integers(0, 127)))
    return m.network()


@pytest.mark.parametrize("seed", range(200))
def test_floats_of_one_byte_are_a_table(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = drawn(rng)
    machine = random_machine(rng, 64) if seed % 3 else Machine.load("nano")
    compiled = assert_agrees(network, machine, RULES[seed % len(RULES)], seed)
    assert [step.kind for step in compiled.program.steps] == ["run"]
    last = network.nodes[-1].name
    assert [layer.name for layer in compiled.program.layers] == [last]
    inside = absorbed(network, compiled.program)
    assert [(of.name, of.layer) for of in inside] == [(n.name, last) for n in network.nodes[:-1]]


def kinds_of(network: Network) -> list[str]:
    program = MachineNetwork(network, Machine.load("nano"), "onnxruntime").program
    return [step.kind for step in program.steps]


def test_what_depends_on_more_than_one_byte_is_the_hosts() -> None:
    m = Maker("int8")
    m.bytes("z", "int8", 0.1, 0)
    both = m.floats(op.Mul(), m.floats(op.Dequantize(), "x"), m.floats(op.Dequantize(), "z"))
    m.quantized(both, "int8")
    assert "run" not in kinds_of(m.network(inputs=("x", "z")))
    m = Maker("int8")
    slopes = m.number(0.5, (9,))
    m.quantized(m.floats(op.PRelu(), m.floats(op.Dequantize(), "x"), slopes), "int8")
    assert "run" not in kinds_of(m.network())


def test_floats_that_others_read_are_still_computed() -> None:
    m = Maker("int8")
    real = m.floats(op.Dequantize(), "x")
    m.quantized(m.floats(op.Sigmoid(), real), "int8", 1 / 256, -128)
    y = m.nodes[-1].outputs[0]
    network = m.network(y, m.floats(op.Exp(), real))
    compiled = assert_agrees(network, Machine.load("nano"), "onnxruntime")
    hosts = {step.node for step in compiled.program.steps if step.kind == "host"}
    assert hosts == {"node0", "node3"}
