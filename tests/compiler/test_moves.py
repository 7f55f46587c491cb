"""Operators that move values, each of them on the machine and not left to the host."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from tests.compiler.agreement import assert_agrees
from tests.compiler.machines import random_machine

SAME = Quantization(np.array(0.5, np.float32), np.array(3, np.int64))
OTHER = Quantization(np.array(0.3, np.float32), np.array(-7, np.int64))

Chain = list[tuple[op.Operator, tuple[str, ...]]]


def network_of(chain: Chain, inputs: dict[str, tuple[tuple[int, ...], Quantization]]) -> Network:
    """Return a network of int8 tensors; node i writes tensor `n<i>`."""
    int8 = np.dtype(np.int8)
    tensors = {name: Tensor(name, shape, int8, q) for name, (shape, q) in inputs.items()}
    nodes = []
    for i, (operator, names) in enumerate(chain):
        (shape,) = output_shapes(f"n{i}", operator, [tensors[name].shape for name in names])
        tensors[f"n{i}"] = Tensor(f"n{i}", shape, int8, SAME)
        nodes.append(Node(f"node{i}", operator, names, (f"n{i}",)))
    return Network("moves", "npusim", tuple(nodes), tensors, tuple(inputs), (f"n{len(chain) - 1}",))


CASES: dict[str, tuple[Chain, dict]] = {
    "pad": ([(op.Pad((0, 2, 1, 0), (0, 1, 300, 0)), ("x",))], {"x": ((1, 3, 5, 21), SAME)}),
    "slice rows and columns": (
        [(op.Slice((0, 1, 2, 0), (1, 8, 9, 21), (1, 2, 3, 1)), ("x",))],
        {"x": ((1, 9, 9, 21), SAME)},
    ),
    "slice channels": (
        [(op.Slice((0, 0, 0, 3), (1, 4, 5, 20), (1, 1, 1, 2)), ("x",))],
        {"x": ((1, 4, 5, 21), SAME)},
    ),
    "slice whole blocks": (
        [(op.Slice((0, 0, 0, 32), (1, 4, 5, 45), (1, 1, 1, 1)), ("x",))],
        {"x": ((1, 4, 5, 64), SAME)},
    ),
    "concat rows": ([(op.Concat(1), ("x", "y"))],
                    {"x": ((1, 4, 5, 21), SAME), "y": ((1, 3, 5, 21), SAME)}),
    "concat columns": ([(op.Concat(2), ("x", "y"))],
                       {"x": ((1, 4, 5, 21), SAME), "y": ((1, 4, 2, 21), SAME)}),
    "concat channels": ([(op.Concat(3), ("x", "y"))],
                        {"x": ((1, 4, 5, 21), SAME), "y": ((1, 4, 5, 30), SAME)}),
    "concat whole blocks": ([(op.Concat(3), ("x", "y"))],
                            {"x": ((1, 4, 5, 64), SAME), "y": ((1, 4, 5, 30), SAME)}),
    "concat of other scales": ([(op.Concat(3), ("x", "y"))],
                               {"x": ((1, 4, 5, 9), SAME), "y": ((1, 4, 5, 30), OTHER)}),
    "shuffle": (
        [(op.Reshape((1, 3, 4, 2, 29)), ("x",)), (op.Transpose((0, 1, 2, 4, 3)), ("n0",)),
         (op.Reshape((1, 3, 4, 58)), ("n1",))],
        {"x": ((1, 3, 4, 58), SAME)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", ["half_up", "tosa", "half_away"])
@pytest.mark.parametrize("case", CASES)
def test_moves_run_on_the_machine(case: str, rule: str) -> None:
    network = network_of(*CASES[case])
    machines = [Machine.load(name) for name in ("nano", "base", "wide")]
    machines += [random_machine(np.random.default_rng(seed)) for seed in range(4)]
    for machine in machines:
        compiled = assert_agrees(network, machine, rule)
        assert [step.kind for step in compiled.program.steps] == ["run"]
