"""What a network asks of an operator: its inputs, the shapes that come out, what a batch is to it.

The operators themselves, one page each, are npusim/operators/; a network knows none by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npusim.errors import NpuError, ShapeError, UnsupportedError
from npusim.graph.tensor import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operator(ABC):
    """Attributes of one operator; a page's class derives from it and states all of the following.

    Shapes are letters: N batch, IH IW IC input, OH OW OC output, KH KW kernel. Layouts are
    canonical (see tensor.py). One operator means the same on floats and on integers; which
    integers come out is decided by the rule under which the network is prepared.
    """

    @property
    @abstractmethod
    def arity(self) -> tuple[int, int]:
        """Least and greatest number of inputs."""

    @abstractmethod
    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the outputs; raise ShapeError where the inputs do not fit."""

    @abstractmethod
    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        """Return whether sample n of each output depends on sample n of the computed inputs alone.

        Asked only where every computed input and every output has the batch as its leading axis.
        """

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        """Raise ShapeError or UnsupportedError unless the inputs are of the number and types taken.

        A page with a rule for types extends this.
        """
        self.check_count(len(inputs))
        for place in self.integer_inputs:
            if not np.issubdtype(inputs[place].dtype, np.integer):
                raise UnsupportedError(
                    f"expected integers in {inputs[place].name}, found {inputs[place].dtype}"
                )
        if self.has_sign and any(x.dtype == np.bool_ for x in inputs):
            raise UnsupportedError("expected numbers, found truth values")
        factors = [inputs[place] for place in self.factors if place < len(inputs)]
        if len({factor.is_float for factor in factors}) > 1:
            scaled = factors[0].is_float and factors[1].quantization is not None
            if not (self.scales_integers and scaled):
                found = ", ".join(f"{factor.dtype} {factor.name}" for factor in factors)
                raise UnsupportedError(f"expected inputs of one type, found {found}")

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        """The places of inputs that are integers of any type: indices, lengths, bits."""
        return ()

    @property
    def has_sign(self) -> bool:
        """Whether it asks for signs, which truth values have not."""
        return False

    @property
    def factors(self) -> tuple[int, ...]:
        """The places of inputs that are multiplied by each other: all floats or all integers."""
        return ()

    @property
    def scales_integers(self) -> bool:
        """Whether floats may be multiplied by integers that have a scale."""
        return False

    def check_count(self, inputs: int) -> None:
        """Raise ShapeError unless that many inputs are taken."""
        least, most = self.arity
        if not least <= inputs <= most:
            expected = f"{least}" if least == most else f"{least} to {most}"
            raise ShapeError(f"expected {expected} inputs, found {inputs}")

    @property
    def shown_name(self) -> str:
        """Its name, as shown to people."""
        return type(self).__name__

    @property
    def copies_values(self) -> bool:
        """Whether the output's values are all values of the input, or padding."""
        return False

    @property
    def sizes_vary(self) -> bool:
        """Whether the outputs' shapes are the largest there can be, and values say the actual."""
        return False

    def for_batch(self, extent: int) -> Operator:
        """Return the operator where the batch, its leading axis, has `extent` samples."""
        return self


def output_shapes(node: str, operator: Operator, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
    """Return the shapes of the node's outputs; raise ShapeError, the node named, if none fit."""
    try:
        operator.check_count(len(inputs))
        return operator.output_shapes(inputs)
    except ShapeError as error:
        raise ShapeError(f"{node}: {error}") from None


def check_inputs(node: str, operator: Operator, inputs: Sequence[Tensor]) -> None:
    """Raise, the node named, unless the inputs are as many and of the types that it takes."""
    try:
        operator.check_inputs(inputs)
    except NpuError as error:
        raise type(error)(f"{node}: {error}") from None
