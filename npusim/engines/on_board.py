"""A network on a board with the NPU: its outputs beside those of the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.boards.board import Board
from npusim.boards.execute import OnBoard
from npusim.engines.machine_network import MachineNetwork
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.runtimes.rule import resolve_rule


@dataclass(frozen=True, eq=False)
class BoardResult:
    """What a board made of a network's inputs.

    Attributes
    ----------
    outputs, expected
        The network's outputs by name, of the board and of the kernels.
    cycles
        Of each run, in order, as the board counted them.
    """

    outputs: Mapping[str, NDArray]
    expected: Mapping[str, NDArray]
    cycles: tuple[int, ...]

    @property
    def values(self) -> int:
        """How many values the outputs have."""
        return sum(value.size for value in self.expected.values())

    @property
    def differing(self) -> int:
        """How many of them are not the kernels'."""
        return sum(
            int(np.count_nonzero(self.outputs[name] != value))
            for name, value in self.expected.items()
        )


def run_on_board(
    board: Board,
    network: Network,
    x: Mapping[str, NDArray],
    machine: Machine,
    requant: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> BoardResult:
    """Execute `network` on `x` (as of `npusim.run`) on a board whose NPU is `machine`.

    Raises
    ------
    BoardError
        The board does not answer, the program does not fit its memory, or a run faults.
    NpuError
        The NPU on the board is another machine.
    """
    rule = resolve_rule(network, requant)
    on_board = OnBoard(board)
    compiled = MachineNetwork(network, machine, rule, execute=on_board)
    outputs, _ = compiled.run(x, network.outputs, progress=progress)
    expected = prepare(network, rule).run(x)
    return BoardResult(
        outputs, {name: expected[name] for name in network.outputs}, tuple(on_board.cycles)
    )
