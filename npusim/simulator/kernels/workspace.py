"""Buffers and bound calls of one prepared network for one size of batch.

Where a network is small, making arrays and finding arguments costs more than the arithmetic. A
workspace keeps every activation of one run and calls each layer with its arrays bound; only one
thread at a time may use it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_BYTES = 1 << 20
"""Activations in all of a workspace: beyond, memory that was just let go is warmer than these."""
MOST_KINDS_OF_RUN = 8
"""Batch sizes and choices of kept tensors that a network keeps workspaces for."""


class Workspace:
    """Run again what has been run once.

    Parameters
    ----------
    values
        Every value of a finished run, by slot; the arrays become this workspace's buffers.
    layers
        Function, source slots and target slot of each layer, in order.
    inputs, kept
        The inputs' buffers as the file lays them out, and the slots to return.
    """

    def __init__(
        self,
        values: Sequence[Any],
        layers: Sequence[tuple[Callable[..., NDArray], tuple[int, ...], int]],
        inputs: Sequence[NDArray],
        kept: Sequence[int],
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = [values[slot] for slot in kept]
        self.calls: list[Callable[[], object]] = []
        for function, sources, target in layers:
            x, y = [values[source] for source in sources], values[target]
            bind = getattr(function, "bind", None)
            if bind is not None:
                self.calls.append(bind(*x, y))
            elif not any(np.may_share_memory(y, source) for source in x):
                self.calls.append(_into(function, x, y))
            # else: y is a view of its input, already up to date

    def run(self, inputs: Sequence[NDArray]) -> list[NDArray]:
        """Return copies of the kept values for `inputs` of the buffers' shapes and types."""
        for buffer, x in zip(self.inputs, inputs, strict=True):
            buffer[...] = x
        for call in self.calls:
            call()
        return [value.copy() for value in self.outputs]


def _into(function: Callable[..., NDArray], x: list[NDArray], y: NDArray) -> Callable[[], None]:
    def call() -> None:
        y[...] = function(1, *x)

    return call
