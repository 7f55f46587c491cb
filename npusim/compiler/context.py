"""What lowerings share: what they see of a compilation, and the table they enter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import Border, Constants, Spot, Stored
from npusim.compiler.graph.folding import FoldedInput
from npusim.graph.network import Node
from npusim.graph.tensor import Tensor
from npusim.machines import Machine
from npusim.words import Rule

Lowering = Callable[..., None]
"""Emits a node's instructions, its outputs' places (Stored) given."""


@runtime_checkable
class InPlace(Protocol):
    """A lowering that reads tensors where they lie in ACT."""

    @property
    def reads(self) -> tuple[Spot, ...]:
        """The spots that it may read there."""

    @property
    def target(self) -> Stored | None:
        """What it may write there."""

    @property
    def samples(self) -> int:
        """The images that its tensors are to it, one below the other."""

    @property
    def row_steps(self) -> int:
        """The most rows that a loop of it steps at once."""

    def border(self, stored: Stored) -> Border | None:
        """Return what it sees around `stored`; None where it cannot read it there."""

    def cost(self, machine: Machine, act_banks: int) -> tuple[int, int]:
        """Return DRAM beats and cycles with so many banks for its own buffers.

        Raises
        ------
        CapacityError
            It does not fit.
        """


class Context(Protocol):
    """What a lowering sees of the compilation."""

    machine: Machine
    rule: Rule
    samples: int
    """Of the batch that the program computes; the leading axis of every tensor."""
    emitter: Emitter
    constants: Constants
    pads: dict[str, tuple[Node, tuple[int, int, int, int]]]
    folds: dict[str, FoldedInput]
    fused: dict[str, Node]
    """The Add that a layer ends with, by the layer's own output."""

    def source(self, name: str) -> Stored:
        """Return where an input lies."""

    def as_stored(self, tensor: Tensor) -> Stored:
        """Return how a tensor will lie, without a place yet."""

    def scratch(self, pixels: int, channels: int, unsigned: bool) -> Stored:
        """Return DRAM for one row of pixels, until the node's instructions are emitted."""

    def addition(self, node: Node) -> Node | None:
        """Return the Add that may become a part of `node`, its other operand stored by now."""

    def lies_as_is(self, name: str) -> bool:
        """Return whether an input's axes lie in their own order and sizes."""


def all_bytes(*tensors: Tensor) -> bool:
    """Return whether all are int8 or uint8."""
    return all(tensor.dtype in (np.int8, np.uint8) for tensor in tensors)
