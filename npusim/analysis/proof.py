"""Does a program compute what the file's runtime computes? A proof for every accumulator.

What is read of the program are the constants in its DRAM image that its RQ instructions take (the
words of PAR, and the registers with rounding mode, zero point and bounds); of the network, the
scales, weights and zero points. The compiler is not asked. A layer is proved when its outputs equal
the runtime's at both ends of the reach and on both sides of every step (runtimes/twins.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.analysis.parameters import ParWords
from npusim.compiler.epilogues import linear_reach, per_channel, sum_reach
from npusim.errors import FormatError
from npusim.graph.network import Network, Node
from npusim.isa.columns import Columns, columns_of
from npusim.isa.encoding import encode_program
from npusim.isa.program import Layer, Program
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.operators.pages import constants_of
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.runtimes.staircase import Reach
from npusim.runtimes.twins import Difference, differences
from npusim.words import EPILOGUES, Rule

BIAS_SIGN = 1 << 62
MULTIPLIER_MASK = (1 << 31) - 1


@dataclass(frozen=True, eq=False)
class LayerProof:
    """What was proved of one layer.

    Attributes
    ----------
    layer, operator
        Name and kind.
    channels
        Output channels, each with constants of its own.
    thresholds
        Steps of the runtime's rule that were compared.
    differences
        The accumulators for which program and runtime differ; none is the proof.
    """

    layer: str
    operator: str
    channels: int
    thresholds: int
    differences: tuple[Difference, ...]

    @property
    def differing_accumulators(self) -> int:
        """How many accumulators give another output."""
        return sum(difference.count for difference in self.differences)


@dataclass(frozen=True)
class _Constants:
    """The PAR words [words SIZE] of one channel block, and the output registers of their RQ."""

    offset_bytes: int
    words: NDArray[np.int64]
    rounding: str
    bounds: tuple[int, int, int]


def prove(program: Program, network: Network) -> tuple[LayerProof, ...]:
    """Return a proof for each layer whose outputs come from one accumulator through RQ.

    These are convolutions, fully connected layers and means of one term; every other operator is
    integers that the runtime itself computes with, proved when it was lowered, a table of all its
    inputs, or a movement.

    Raises
    ------
    FormatError
        The program has no constants (it was made without data), or is not of this network.
    """
    if not program.instructions:  # the host computes all of it
        return ()
    columns = columns_of(encode_program(program.instructions))
    nodes = {node.name: node for node in network.nodes}
    rule: Rule = program.requant  # type: ignore[assignment]  # a program names a rule
    proofs = []
    for layer in program.layers:
        node = nodes.get(layer.name)
        if node is None:
            raise FormatError(f"{program.name}: layer {layer.name} is not of {network.name}")
        chain = _chain(program, network, node, rule)
        blocks = _blocks(program, columns, layer) if chain else []
        for member, of, reach in chain:  # whose constants follow each other
            count = -(-len(reach) // program.machine.size)
            mine, blocks = blocks[:count], blocks[count:]
            proofs.append(_prove_layer(program, member, mine, of, reach))
        if blocks:
            raise FormatError(f"{layer.name}: {len(blocks)} blocks of constants are of no channel")
    return tuple(proofs)


Member = tuple[Node, Requantization | FloatRequantization, Reach]
"""A layer whose outputs come from one accumulator, the rule of its runtime, and what can occur."""


def _chain(program: Program, network: Network, node: Node, rule: Rule) -> list[Member]:
    """Return `node`, behind those that the program computes with it band by band, in order."""
    listed = {layer.name for layer in program.layers} | {step.node for step in program.steps}
    chain: list[Member] = []
    found, at = _rule_of(network, node, rule), node
    while found is not None or isinstance(at.operator, op.Pad):
        if found is not None:
            chain.insert(0, (at, *found))
        before = network.producer.get(at.inputs[0])
        if before is None or before.name in listed:
            break
        found, at = _rule_of(network, before, rule), before
    return chain


def _rule_of(
    network: Network, node: Node, rule: Rule
) -> tuple[Requantization | FloatRequantization, Reach] | None:
    """Return what the runtime does to the one accumulator of a node; None where it has none."""
    if not isinstance(node.operator, op.Conv2D | op.FullyConnected | op.Mean):
        return None
    c = constants_of(network, node, rule)
    if isinstance(c, VectorAndRest):
        c = c.vector
    if c is None or (isinstance(c, Requantization) and len(c.multipliers) > 1):
        return None
    is_mean = isinstance(node.operator, op.Mean)
    reach = sum_reach(network, node) if is_mean else linear_reach(network, node)
    return (per_channel(c, len(reach)) if isinstance(c, FloatRequantization) else c), reach


def _prove_layer(
    program: Program,
    node: Node,
    blocks: list[_Constants],
    rule: Requantization | FloatRequantization,
    reach: Reach,
) -> LayerProof:
    size, channels = program.machine.size, len(reach)
    if len(blocks) * size < channels:
        raise FormatError(
            f"{node.name}: expected constants of {channels} channels, found {len(blocks) * size}"
        )
    lanes = np.concatenate([block.words for block in blocks], axis=1)[:, :channels]
    bias = (lanes[1] & MULTIPLIER_MASK) << 32 | lanes[0]
    multipliers = lanes[PAR_HEADER_WORDS:] & MULTIPLIER_MASK
    if (multipliers != multipliers[0]).any():
        raise FormatError(f"{node.name}: expected one multiplier for all planes of its weights")
    constants = Requantization(
        multipliers[:1], (bias ^ BIAS_SIGN) - BIAS_SIGN, (lanes[2] & 63) + (lanes[2] >> 8 & 15),
        blocks[0].rounding, *blocks[0].bounds,
    )  # fmt: skip
    steps = channels * (rule.high - rule.low)
    found = differences(rule, constants, reach)
    return LayerProof(node.name, node.kind, channels, steps, found)


def _blocks(program: Program, columns: Columns, layer: Layer) -> list[_Constants]:
    """Return the constants of each channel block of accumulators, in the order of the channels."""
    found: dict[int, _Constants] = {}
    for block in _read_by_rq(program, columns, layer):
        found.setdefault(block.offset_bytes, block)
    return [found[offset] for offset in sorted(found)]


def _read_by_rq(program: Program, columns: Columns, layer: Layer) -> Iterator[_Constants]:
    """Yield what each RQ on accumulators of a layer reads, with PAR as the LDs before leave it."""
    size = program.machine.size
    requantizations, par_words = columns.groups["RQ"], ParWords(program, columns)
    for i, pc in enumerate(requantizations.pcs.tolist()):
        if not layer.first <= pc < layer.first + layer.count or requantizations["act_terms"][i]:
            continue
        registers = requantizations.registers
        words = PAR_HEADER_WORDS + int(registers["vec_kx"]["count"][i])
        output = registers["rq_output"]
        for block in range(int(registers["vec_b"]["count"][i])):
            par = int(requantizations["par"][i]) + block * words
            yield _Constants(
                par_words.place(pc, par)[1],
                par_words.read(pc, par, words).view("<u4").reshape(words, size).astype(np.int64),
                EPILOGUES[int(registers["rq_mode"]["rounding"][i])],
                (int(output["zero_point"][i]), int(output["low"][i]), int(output["high"][i])),
            )
