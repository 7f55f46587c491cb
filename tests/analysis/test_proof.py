"""The proof reads a program's own constants: compiled ones hold, a mutant is refuted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npusim import Machine, load
from npusim.analysis.proof import prove
from npusim.compiler.compile import compile_network
from npusim.errors import FormatError
from npusim.isa.program import Program
from tests.analysis.test_explain import golden_layer
from tests.conftest import DIGITS


def with_constant(program: Program, old: int, new: int) -> Program:
    """Return the program with one 32-bit word of its constants replaced wherever it stands."""
    region = program.regions[0]
    words = np.frombuffer(region.image, "<u4").copy()
    assert (words == old & 0xFFFF_FFFF).any()
    words[words == old & 0xFFFF_FFFF] = new & 0xFFFF_FFFF
    changed = replace(region, image=words.tobytes())
    return replace(program, regions=(changed, *program.regions[1:]))


def parameters(program: Program) -> tuple[int, int]:
    """Return the multiplier and bias of the first channel, read back from a proof's own reading."""
    from npusim.analysis import proof
    from npusim.isa.columns import columns_of
    from npusim.isa.encoding import encode_program

    columns = columns_of(encode_program(program.instructions))
    (block, *_) = proof._blocks(program, columns, program.layers[0])
    return int(block.words[3, 0]), int(block.words[1, 0]) << 32 | int(block.words[0, 0])


def test_a_compiled_network_is_proved():
    network = load(DIGITS / "digits_int8.onnx")
    proofs = prove(compile_network(network, Machine.load("nano")), network)
    assert {proof.layer for proof in proofs} >= {
        node.name for node in network.nodes if node.kind == "FullyConnected"
    }
    assert not any(proof.differences for proof in proofs)


def test_a_multiplier_off_by_more_than_its_window_is_refuted_with_the_accumulator():
    network = golden_layer()
    program = compile_network(network, Machine.load("nano"), "litert")
    (proof,) = prove(program, network)
    assert proof.differences == ()
    multiplier, _ = parameters(program)
    mutant = with_constant(program, multiplier, multiplier + (multiplier >> 7))
    (refuted,) = prove(mutant, network)
    assert refuted.differing_accumulators > 0
    witness = refuted.differences[0]
    assert witness.channel == 0
    assert witness.expected != witness.found


def test_a_bias_off_by_one_accumulator_is_refuted_at_every_step():
    network = golden_layer()
    program = compile_network(network, Machine.load("nano"), "litert")
    multiplier, bias = parameters(program)
    low, high = bias & 0xFFFF_FFFF, bias >> 32
    moved = bias + multiplier
    mutant = with_constant(program, low, moved & 0xFFFF_FFFF)
    if moved >> 32 != high:
        mutant = with_constant(mutant, high, moved >> 32)
    (refuted,) = prove(mutant, network)
    assert all(witness.count == 1 for witness in refuted.differences)
    assert len(refuted.differences) >= 15  # the output steps that often over the reach


def test_constants_of_another_rule_are_refuted():
    """TFLite's double rounding is not LiteRT's double precision: the byte at 585 tells."""
    network = golden_layer()
    program = replace(compile_network(network, Machine.load("nano"), "floor"), requant="litert")
    (refuted,) = prove(program, network)
    assert refuted.differences


def test_a_program_without_constants_is_refused():
    network = golden_layer()
    program = compile_network(network, Machine.load("nano"), "litert", with_data=False)
    with pytest.raises(FormatError, match="expected the bytes of its constants"):
        prove(program, network)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["kws_dscnn_int8", "coral_mobilenet_v1_025_128_uint8"])
def test_networks_of_litert_are_proved_for_every_accumulator(shared, name):
    network = load(shared / "models" / "tflite" / f"{name}.tflite")
    for proof in prove(compile_network(network, Machine.load("base")), network):
        assert proof.differences == (), proof.layer


@pytest.mark.shared
def test_accumulators_that_no_constants_reach_are_named(shared):
    network = load(shared / "models" / "onnx" / "kws_dscnn_int8_QOperator.onnx")
    proofs = prove(compile_network(network, Machine.load("base")), network)
    lacking = {(proof.layer, d.channel) for proof in proofs for d in proof.differences}
    assert len(lacking) == 15
    assert sum(proof.channels for proof in proofs) == 588
