"""What a reader makes of a file: the network, and all that stands in its way."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.graph.cut import Operation
from npusim.graph.network import Network
from npusim.graph.refusals import Refusal


@dataclass(frozen=True)
class Imported:
    """A file as read.

    Attributes
    ----------
    network
        Where something is refused, what is left of the network: tensors that a refused node would
        write are inputs. None where even that is no network.
    refusals
        What the reader refused.
    operations
        The file's operators that its outputs need.
    outputs
        The file's outputs, or those asked for.
    """

    network: Network | None
    refusals: tuple[Refusal, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
