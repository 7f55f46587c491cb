"""State: a value that a network keeps from one sample to the next.

A network with state is still a function, (x, state) -> (y, state'): each state is one tensor that
the nodes read like an input and one tensor that takes its place after the sample. Samples of such a
network are steps in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.graph.tensor import Tensor, frozen
from npusim.remade import Remade


@dataclass(frozen=True, eq=False)
class State(Remade):
    """One kept value.

    Attributes
    ----------
    value
        The tensor that holds it while a sample is computed; no node writes it.
    update
        The tensor whose value replaces it after the sample, of the same shape and type.
    initial
        What it holds before the first sample and after a reset, canonical.
    """

    value: str
    update: str
    initial: NDArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "initial", frozen(self.initial))

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """Raise unless its tensors are declared, and alike.

        Raises
        ------
        FormatError
            The value or the update is no tensor.
        ShapeError
            The initial value or the update has another shape or type than the value.
        """
        for name in (self.value, self.update):
            if name not in tensors:
                raise FormatError(f"state {self.value}: {name} is not declared")
        value, update = tensors[self.value], tensors[self.update]
        for what, shape, dtype in (
            ("an initial value", self.initial.shape, self.initial.dtype),
            (f"update {self.update}", update.shape, update.dtype),
        ):
            if (shape, dtype) != (value.shape, value.dtype):
                raise ShapeError(
                    f"state {self.value}: expected {what} of {value.dtype} {list(value.shape)}, "
                    f"found {dtype} {list(shape)}"
                )
