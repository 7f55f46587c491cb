"""varying: an operator of the file whose shapes are known only when it runs.

Behind an operator whose output is as long as its values say (non_zero, box_selection ...) every
tensor is declared at its largest size, and has its own size in a run. An operator there is read
from the file twice: when the file is loaded, at the largest sizes, which says whether it is
supported and what it costs at most; and when it runs, for the sizes that came, by the same page.
What was read for some sizes is kept for the next run of those sizes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network
from npusim.graph.operator import Shape
from npusim.operators.kinds.called import (
    Caller,
    Run,
    Values,
    caller_page,
    output_tensors,
    shown_shape,
)

MOST_SIZES = 64
"""Integers of a tensor that may be sizes: more are values like any others."""


class Piece(ABC):
    """An operator as its file has it; each format has a way of its own to read it again."""

    @abstractmethod
    def network(self, values: Sequence[NDArray]) -> Network:
        """Return what computes the outputs for inputs of the values' shapes.

        Values that are sizes are read; of the others the shape alone.
        """


@dataclass(frozen=True, eq=False)
class Varying(Caller):
    """Inputs of any size up to the largest -> what `piece` makes of them.

    Attributes
    ----------
    piece
        The file's operator.
    largest
        It at the declared shapes, which are the largest.
    is_size
        Of each input, whether its values say a shape, as those of a slice's ends do.
    """

    piece: Piece
    largest: Network
    is_size: tuple[bool, ...]

    @property
    def arity(self) -> tuple[int, int]:
        return len(self.is_size), len(self.is_size)

    @property
    def called(self) -> tuple[Network, ...]:
        return (self.largest,)

    @property
    def shown_name(self) -> str:
        """The kinds of what the file's operator is, or that it computes a size."""
        kinds = dict.fromkeys(node.kind for node in self.largest.nodes)
        return f"{'+'.join(kinds) or 'sizes'} at run"

    @property
    def sizes_vary(self) -> bool:
        return True

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        expected = [shown_shape(self.largest.tensors[name]) for name in self.largest.inputs]
        if [*inputs] != expected:
            raise ShapeError(f"expected inputs of {expected} at most, found {[*inputs]}")
        return tuple(shown_shape(tensor) for tensor in output_tensors(self.largest))

    def outcome(self, runs: Sequence[Run], threads: int, values: Values) -> Values:
        """Return the outputs, by a run of the network for these sizes."""
        return runs[0](threads, values)

    def kind_of_run(self, values: Sequence[NDArray]) -> Hashable:
        """Return what decides which network computes the outputs for these values."""
        return tuple(
            (value.shape, value.tobytes() if is_size else None)
            for value, is_size in zip(values, self.is_size, strict=True)
        )


def read_again(piece: Piece, largest: Network, is_size: Sequence[bool]) -> Varying:
    """Return the operator that reads `piece` in every run; `largest`: as it is read at load."""
    return Varying(piece, largest, tuple(is_size))


PAGE = caller_page(Varying)
