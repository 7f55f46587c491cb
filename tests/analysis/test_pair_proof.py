"""Additions on the machine: all 65,536 pairs hold, and a wrong constant is refuted by its pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npusim import Machine, load, prove_pairs
from npusim import operators as op
from npusim.compiler.compile import compile_network
from npusim.errors import FormatError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.isa.program import Program
from npusim.prepared.engine import prepare

NANO = Machine.load("nano")


def addition(source: str, operator: op.Operator | None = None) -> Network:
    """Return y = a + b of [1 2 2 8] int8, each with a scale and zero point of its own."""

    def tensor(name: str, scale: float, zero_point: int) -> Tensor:
        q = Quantization(np.float32(scale), np.int64(zero_point))
        return Tensor(name, (1, 2, 2, 8), np.dtype("int8"), q)

    tensors = {
        "a": tensor("a", 0.0371, 7),
        "b": tensor("b", 0.0113, -100),
        "y": tensor("y", 0.0419, -3),
    }
    node = Node("sum", operator or op.Add(), ("a", "b"), ("y",))
    return Network("addition", source, (node,), tensors, ("a", "b"), ("y",))


def with_registers(program: Program, name: str, change: int) -> Program:
    """Return the program with the first field of each CFG of register `name` moved by `change`."""
    from npusim.isa.instructions import REGISTERS

    register = next(r for r in REGISTERS["EP"] if r.name == name)
    changed = []
    for item in program.instructions:
        at = register.index - item.values.get("index", -9)
        if item.name == "CFG" and item.engine == "EP" and 0 <= at < 3:
            key = f"value{at}"
            item = replace(item, values={**item.values, key: item.values[key] + change})
        changed.append(item)
    return replace(program, instructions=tuple(changed))


@pytest.mark.parametrize(
    ("source", "rule"),
    [("onnx", "onnxruntime"), ("tflite", "litert"), ("tflite", "xnnpack"), ("tflite", "half_even")],
)
def test_an_addition_is_proved_over_all_pairs(source, rule):
    network = addition(source)
    (proof,) = prove_pairs(compile_network(network, NANO, rule), network)
    assert (proof.layer, proof.operator, proof.differences) == ("sum", "Add", ())


@pytest.mark.parametrize(
    ("operator", "rule"),
    [
        (op.Sub(), "litert"),
        (op.Mul(), "litert"),
        (op.Mul(), "onnxruntime"),
        (op.Maximum(), "litert"),
    ],
)
def test_other_operators_of_two_operands(operator, rule):
    network = addition("onnx" if rule == "onnxruntime" else "tflite", operator)
    program = compile_network(network, NANO, rule)
    (proof,) = prove_pairs(program, network)
    assert (proof.operator, proof.differences) == (type(operator).__name__, ())
    wrong = with_registers(program, "rq_output", 1 << 9)  # the least output is one more
    if not isinstance(operator, op.Maximum):
        (refuted,) = prove_pairs(wrong, network)
        assert {d.expected for d in refuted.differences} == {-128}


def test_another_rules_constants_are_refuted_by_the_pairs_for_which_the_kernels_differ():
    network = addition("tflite")
    program = replace(compile_network(network, NANO, "floor"), requant="litert")
    (refuted,) = prove_pairs(program, network)
    pairs = np.arange(-128, 128)
    a, b = np.repeat(pairs, 256).astype(np.int8), np.tile(pairs, 256).astype(np.int8)
    blocks = {"a": a.reshape(-1, 2, 2, 8), "b": b.reshape(-1, 2, 2, 8)}
    floor, litert = (prepare(network, r).run(blocks)["y"].ravel() for r in ("floor", "litert"))
    expected = {
        (int(a[i]), int(b[i]), int(litert[i]), int(floor[i]))
        for i in np.flatnonzero(floor != litert)
    }
    assert {(d.a, d.b, d.expected, d.found) for d in refuted.differences} == expected
    assert str(refuted.differences[0]).startswith("operands -128 and")


def test_a_zero_point_off_by_one_is_refuted():
    network = addition("tflite")
    mutant = with_registers(compile_network(network, NANO, "litert"), "add_zero_point", 1)
    (refuted,) = prove_pairs(mutant, network)
    assert len(refuted.differences) > 10_000


def test_a_program_without_constants_is_refused():
    network = addition("onnx")
    with pytest.raises(FormatError, match="expected the bytes of its constants"):
        prove_pairs(compile_network(network, NANO, "onnxruntime", with_data=False), network)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["tflite/ic_resnet8_int8.tflite", "onnx/ic_resnet8_int8_QDQ.onnx"])
def test_additions_behind_convolutions_of_real_networks(shared, name):
    network = load(shared / "models" / name)
    proofs = prove_pairs(compile_network(network, Machine.load("base")), network)
    assert len(proofs) == 3
    assert not any(proof.differences for proof in proofs)
