"""Does a program give the runtime's byte for every pair of operands? All 65,536 are computed.

An operator of two 8-bit operands is one VEC, or one RQ whose terms are both in ACT. That very
instruction, with its registers and the words of PAR that it reads in the program's image, is
carried out on every pair; what comes out is compared with the runtime's rule. The compiler is not
asked. Operators that the program leaves to the host are the runtime's rule itself; with a constant
operand they may be a table of one byte, which is not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.analysis.parameters import ParWords, equal_lanes
from npusim.graph.network import Network, Node
from npusim.isa.columns import Columns, columns_of
from npusim.isa.encoding import encode_program
from npusim.isa.program import Layer, Program
from npusim.isa.spec import PAR_HEADER_WORDS, VEC_OPS
from npusim.operators.kinds.binary import Binary
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF, constants_of
from npusim.simulator.execute.call_record import Records, records
from npusim.simulator.execute.plain import rq, vec
from npusim.words import Rule

BYTES = 256
PAIRS = BYTES * BYTES
WORDS_AT_ONCE = 4096
"""Of each operand: three times as many lie in ACT's address space."""
OF_TWO_OPERANDS = ("add", "multiply", "max", "min")
"""Operations of VEC that may fold a word of one operand and one of another."""


@dataclass(frozen=True)
class PairDifference:
    """Two operands for which the program gives another byte than the runtime."""

    a: int
    b: int
    expected: int
    found: int

    def __str__(self) -> str:
        return f"operands {self.a} and {self.b}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, eq=False)
class PairProof:
    """What was proved of one operator of two operands.

    Attributes
    ----------
    layer, operator
        Name and kind.
    differences
        The pairs of operands for which program and runtime differ; none is the proof.
    """

    layer: str
    operator: str
    differences: tuple[PairDifference, ...]


def prove_pairs(program: Program, network: Network) -> tuple[PairProof, ...]:
    """Return a proof over all 65,536 pairs for each operator of two operands on the machine.

    Raises
    ------
    FormatError
        The program has no constants (it was made without data), or is not of this network.
    """
    if not program.instructions:  # the host computes all of it
        return ()
    columns = columns_of(encode_program(program.instructions))
    par = ParWords(program, columns)
    rule: Rule = program.requant  # type: ignore[assignment]  # a program names a rule
    proofs = []
    for layer in program.layers:
        node = network.producer.get(layer.output)
        if node is None or not isinstance(node.operator, Binary):
            continue
        computed = list(_computed(program, columns, layer, par))
        if not computed:
            continue
        expected = pair_outputs(network, node, rule)
        found = {difference for y in computed for difference in _apart(network, node, expected, y)}
        order = tuple(sorted(found, key=lambda d: (d.a, d.b)))
        proofs.append(PairProof(node.name, node.kind, order))
    return tuple(proofs)


def pair_outputs(network: Network, node: Node, rule: Rule) -> NDArray:
    """Return what the runtime makes of every pair of bytes: [65536], at 256 * a + b, y's type.

    `a` and `b` are the operands' bytes as they stand in memory, 0..255.
    """
    page = PAGE_OF[type(node.operator)]
    if isinstance(page.quantized, Absent):
        raise page.quantized.raise_for(node)
    a, b = (np.arange(BYTES, dtype=np.uint8).view(x.dtype) for x in network.inputs_of(node))
    constants = constants_of(network, node, rule)
    names, pairs = ("a", "b", "y"), (1, PAIRS)
    tensors = {
        name: replace(tensor, name=name, shape=pairs, data=None, file_order=None)
        for name, tensor in zip(
            names, (*network.inputs_of(node), network.output_of(node)), strict=True
        )
    }
    alone = replace(node, inputs=names[:2], outputs=names[2:])
    one = Network(node.name, network.source, (alone,), tensors, names[:2], names[2:])
    step = page.quantized(one, alone, constants)
    y = step(1, np.repeat(a, BYTES)[None], np.tile(b, BYTES)[None])
    return np.asarray(y).reshape(PAIRS)


def _apart(
    network: Network, node: Node, expected: NDArray, bytes_found: NDArray[np.uint8]
) -> Iterator[PairDifference]:
    found = bytes_found.view(expected.dtype)
    a, b = (np.arange(BYTES, dtype=np.uint8).view(x.dtype) for x in network.inputs_of(node))
    for pair in np.flatnonzero(found != expected).tolist():
        first, second = int(a[pair // BYTES]), int(b[pair % BYTES])
        yield PairDifference(first, second, int(expected[pair]), int(found[pair]))


def _computed(
    program: Program, columns: Columns, layer: Layer, par: ParWords
) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes that a layer's instructions of two operands give for all pairs."""
    size = program.machine.size
    seen: set[bytes] = set()
    for name, page in (("RQ", rq), ("VEC", vec)):
        group = columns.groups[name]
        rows = records(page.OPERANDS, page.operands(group), len(group.pcs))
        for i, pc in enumerate(group.pcs.tolist()):
            inside = layer.first <= pc < layer.first + layer.count
            if not inside or not _has_two_operands(name, rows[i]):
                continue
            row, words = _on_pairs(rows[i]), np.zeros((0, 4 * size), np.uint8)
            if name == "RQ":
                count = PAR_HEADER_WORDS + int(rows[i]["terms"])
                words = equal_lanes(layer.name, par.read(pc, int(rows[i]["par"]), count), size)
            key = row.tobytes() + words.tobytes()
            if key not in seen:
                seen.add(key)
                yield _every_pair(name, row, words, program)


def _has_two_operands(name: str, row: Records) -> bool:
    if name == "RQ":
        return bool(row["terms"] == 2 and row["act_terms"] & 3 == 3)
    return VEC_OPS[int(row["op"])] in OF_TWO_OPERANDS and row["kx"] == 2 and row["ky"] == 1


def _on_pairs(row: Records) -> Records:
    """Return the record of an instruction on words 0.. and WORDS.. of ACT, one after the other."""
    one, names = np.array([row]), row.dtype.names or ()
    for name in names:
        if name in ("acc", "act", "par") or name.endswith(("_acc", "_act", "_out")):
            one[name] = 0
    one["b"] = one["y"] = one["x_act"] = one["x_out"] = 1
    one["x"], one["out"] = WORDS_AT_ONCE, 2 * WORDS_AT_ONCE
    one["term_act" if "term_act" in names else "kx_act"] = WORDS_AT_ONCE
    return one


def _every_pair(
    name: str, row: Records, words: NDArray[np.uint8], program: Program
) -> NDArray[np.uint8]:
    size, regions = program.machine.size, program.machine.acc_regions
    pairs = np.arange(PAIRS)
    operands = [(pairs // BYTES).astype(np.uint8), (pairs % BYTES).astype(np.uint8)]
    acc, table = np.zeros((1, regions, size), np.int32), np.zeros(BYTES, np.uint8)
    nothing, no_sums = np.zeros((0, size), np.uint8), np.zeros((0, 1, size), np.int32)
    found = []
    for first in range(0, PAIRS, WORDS_AT_ONCE * size):
        act = np.zeros((3 * WORDS_AT_ONCE, size), np.uint8)
        for at, values in enumerate(operands):
            part = values[first : first + WORDS_AT_ONCE * size]
            act[at * WORDS_AT_ONCE :].reshape(-1)[: len(part)] = part
        if name == "RQ":
            rq.requantize(act, words, acc, row, 0, nothing)
        else:
            vec.vector(act, acc, table, row, 0, nothing, no_sums)
        found.append(act[2 * WORDS_AT_ONCE :].reshape(-1)[: len(part)])
    return np.concatenate(found)
