"""Reading a .tflite operator: what its record says, checked, in npusim's terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.graph.attributes import Clamp, Window, same_padding
from npusim.graph.operator import Operator

if TYPE_CHECKING:
    from npusim.formats.tflite.records import OperatorRecord, TensorRecord
    from npusim.graph.network import Network

MAX_TENSOR_BYTES = 1 << 31
"""A declared shape beyond this is refused before anything is allocated."""

ACTIVATIONS = {0: None, 1: Clamp(0.0), 2: Clamp(-1.0, 1.0), 3: Clamp(0.0, 6.0)}


def _nothing_called(number: int) -> Network:
    raise FormatError(f"subgraph {number} is not there")


@dataclass(frozen=True)
class TfliteLayer:
    """An operator record with the tensors it names."""

    record: OperatorRecord
    inputs: tuple[TensorRecord | None, ...]
    outputs: tuple[TensorRecord, ...]
    intermediates: tuple[TensorRecord, ...] = ()
    called: Callable[[int], Network] = _nothing_called
    """The network of a subgraph, by its number."""

    @property
    def output(self) -> TensorRecord:
        """Return the first output."""
        return self.outputs[0]

    @property
    def rank(self) -> int:
        """Return the rank of the first input."""
        return len(self.input(0).shape)

    def input(self, position: int) -> TensorRecord:
        """Return a required input."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise FormatError(f"{self.record.name}: input {position} is missing")
        return tensor

    def known(self, position: int) -> TensorRecord:
        """Return an input that must be constant."""
        tensor = self.input(position)
        if tensor.data is None:
            raise UnsupportedError(
                f"{self.record.name}: expected constants in {tensor.name}, found computed values"
            )
        return tensor

    def need_outputs(self, network: Network) -> None:
        """Raise FormatError unless the outputs are those of a subgraph that is called."""
        given = [network.tensors[name].dtype.name for name in network.outputs]
        found = [tensor.dtype for tensor in self.outputs]
        if given != found:
            raise FormatError(
                f"{self.record.name}: expected outputs of {', '.join(given)} as its subgraph has, "
                f"found {', '.join(found)}"
            )

    def constant(self, position: int) -> tuple[int, ...]:
        """Return the integers of an input that must be constant (a shape, axes, paddings)."""
        tensor = self.input(position)
        if tensor.data is None and tensor.shape == (0,) and not tensor.is_free:
            return ()  # the shape of a scalar: a file holds no bytes for no numbers
        if tensor.data is None or tensor.dtype not in ("int16", "int32", "int64"):
            raise UnsupportedError(
                f"{self.record.name}: expected constant integers in {tensor.name}, "
                f"found {'computed' if tensor.data is None else tensor.dtype} values"
            )
        return tuple(int(n) for n in constant_data(tensor).ravel())

    def option(self, field: str) -> Any:
        """Return a field of the operator's options, which must be present."""
        if self.record.options is None:
            raise FormatError(f"{self.record.name}: its options are missing")
        if field not in self.record.options:
            raise FormatError(
                f"{self.record.name}: expected options with {field}, "
                f"found {', '.join(self.record.options) or 'none'}"
            )
        return self.record.options[field]

    def axis(self, value: int, rank: int) -> int:
        """Return a possibly negative axis as one of 0..rank-1."""
        if not -rank <= value < rank:
            raise ShapeError(f"{self.record.name}: axis {value} is outside rank {rank}")
        return value % rank

    def activation(self) -> Clamp | None:
        """Return the fused activation."""
        code = self.option("FusedActivationFunction")
        if code not in ACTIVATIONS:
            raise UnsupportedError(f"{self.record.name}: fused activation {code} is not supported")
        return ACTIVATIONS[code]

    def window(self, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> Window:
        """Return the sliding window with its padding made explicit, the odd row going after."""
        stride = (self.option("StrideH"), self.option("StrideW"))
        if min(*kernel, *stride, *dilation) < 1:
            raise FormatError(
                f"{self.record.name}: expected kernel, stride and dilation of at least 1, "
                f"found {list(kernel)}, {list(stride)}, {list(dilation)}"
            )
        same = self.option("Padding")
        if same not in (0, 1):
            raise FormatError(f"{self.record.name}: expected padding 0 or 1, found {same}")
        x = self.input(0).shape
        if len(x) != 4:
            raise ShapeError(f"{self.record.name}: expected an input of rank 4, found {list(x)}")
        padding = [0, 0, 0, 0]
        for side, (size, k, s, d) in enumerate(zip(x[1:3], kernel, stride, dilation, strict=True)):
            if same == 0:
                total = same_padding(size, (k - 1) * d + 1, s)
                padding[2 * side : 2 * side + 2] = total // 2, total - total // 2
        top, bottom, left, right = padding
        return Window(kernel, stride, dilation, (top, bottom, left, right))


@dataclass(frozen=True)
class TfliteForm:
    """One name of an operator in .tflite files.

    Attributes
    ----------
    name
        As the schema's BuiltinOperator has it, or `CUSTOM ` and a custom operator's code.
    values
        How many inputs are values, or their places; the others are shapes, axes, paddings, which
        `read` reads.
    read
        Returns the operator that a layer of the file means.
    """

    name: str
    values: int | tuple[int, ...]
    read: Callable[[TfliteLayer], Operator]

    def value_inputs(self, inputs: tuple[int, ...]) -> tuple[int, ...]:
        """Return those of a record's inputs that are values and present."""
        places = range(self.values) if isinstance(self.values, int) else self.values
        return tuple(inputs[i] for i in places if i < len(inputs) and inputs[i] >= 0)


ALL_INPUTS = 1 << 16
"""Every input is a value."""


def constant_data(tensor: TensorRecord) -> np.ndarray:
    """Return a constant in the file's shape; the caller knows that it is one."""
    assert tensor.data is not None
    check_size(tensor)
    expected = prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
    if len(tensor.data) != expected:
        raise FormatError(
            f"{tensor.name}: expected {expected} bytes of data for {tensor.dtype} "
            f"{list(tensor.shape)}, found {len(tensor.data)}"
        )
    return np.frombuffer(tensor.data.tobytes(), tensor.dtype).reshape(tensor.shape)


def require_held(tensor: TensorRecord) -> None:
    """Raise UnsupportedError unless npusim holds values of the tensor's type."""
    if not tensor.is_held:
        raise UnsupportedError(f"{tensor.name}: tensors of type {tensor.dtype} are not supported")


def check_size(tensor: TensorRecord) -> None:
    """Raise unless the type and the declared shape, static and of some size, can be held."""
    require_held(tensor)
    if any(n < (0 if tensor.may_be_empty else 1) for n in tensor.shape):
        raise ShapeError(f"{tensor.name}: expected a static shape, found {list(tensor.shape)}")
    if prod(tensor.shape) * np.dtype(tensor.dtype).itemsize > MAX_TENSOR_BYTES:
        raise UnsupportedError(
            f"{tensor.name}: {tensor.dtype} {list(tensor.shape)} takes more than "
            f"{MAX_TENSOR_BYTES >> 30} GiB"
        )
