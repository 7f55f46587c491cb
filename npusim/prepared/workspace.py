"""Buffers and bound calls of one prepared network for one size of batch.

Where a network is small, making arrays and finding arguments costs more than the arithmetic. A
workspace keeps the activations of one run, in an arena (arena.py), and calls each layer with its
arrays bound; only one thread at a time may use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from npusim.kernels.entry import Call, make_calls

LARGEST_BYTES = 1 << 25
"""Activations in all of a run whose calls are kept, with their inputs and outputs."""
MOST_KINDS_OF_RUN = 8
"""Batch sizes and choices of kept tensors that a network keeps workspaces for."""


class Workspace:
    """Run again what has been run once.

    Parameters
    ----------
    values
        Every value of a finished run, by slot; the arrays become this workspace's buffers.
    layers
        What computes each layer, in order, its source slots and target slots: a function, or what
        can be bound to arrays.
    inputs, outputs
        The inputs' buffers and the values to return, by name, as the file lays them out.
    """

    def __init__(
        self,
        values: Sequence[Any],
        layers: Sequence[tuple[Any, tuple[int, ...], tuple[int, ...]]],
        inputs: Mapping[str, NDArray],
        outputs: Mapping[str, NDArray],
    ) -> None:
        self.inputs, self.outputs = dict(inputs), dict(outputs)
        self.values, self.layers = values, layers  # alive as long as the calls, of addresses
        self._expected = tuple((name, a, a.shape, a.dtype) for name, a in inputs.items())
        self._floats = tuple(name for name, a in inputs.items() if a.dtype.kind == "f")
        self._copies = tuple((name, value.copy) for name, value in outputs.items())
        calls: list[Call] = []
        for function, sources, targets in layers:
            x, y = [values[source] for source in sources], [values[target] for target in targets]
            bind = getattr(function, "bind", None)
            fresh = [not any(np.may_share_memory(array, source) for source in x) for array in y]
            if bind is not None and all(array.flags.c_contiguous for array in (*x, *y)):
                calls.append(bind(*x, *y))
            elif any(fresh):  # else: views of the inputs, already up to date
                calls.append(_into(function, x, y, fresh))
        self._walks: list[Callable[[], object]] = []
        rows: list[tuple[int, ...]] = []
        for call in (*calls, None):
            if isinstance(call, tuple):
                rows.append(call)
                continue
            if rows:
                self._walks.append(make_calls.bind(np.array(rows, np.int64)))
                rows = []
            if call is not None:
                self._walks.append(call)

    def __call__(self) -> None:
        """Compute the outputs from what the inputs' buffers hold."""
        for walk_on in self._walks:
            walk_on()

    def run(self, x: dict[str, NDArray]) -> dict[str, NDArray] | None:
        """Return copies of the outputs for the inputs `x`, all by name.

        None where an input is not of its buffer's shape and type, or not finite: whoever checks
        inputs says which.
        """
        if len(x) != len(self._expected):
            return None
        for name, buffer, shape, dtype in self._expected:
            array = x.get(name)
            if type(array) is not ndarray or array.shape != shape or array.dtype is not dtype:
                return None
            buffer[...] = array
        for name in self._floats:  # as given: the buffer may lie in another order
            if not np.isfinite(x[name]).all():
                return None
        for walk_on in self._walks:
            walk_on()
        outputs = {}
        for name, copy in self._copies:
            outputs[name] = copy()
        return outputs


def _into(
    function: Callable[..., Any], x: list[NDArray], y: list[NDArray], fresh: list[bool]
) -> Callable[[], None]:
    def call() -> None:
        found = function(1, *x)
        outputs = (found,) if len(y) == 1 else found
        for array, output, is_fresh in zip(y, outputs, fresh, strict=True):
            if is_fresh:
                array[...] = output

    return call
