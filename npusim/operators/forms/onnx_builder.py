"""Building a network node by node, in the file's own layout, shapes inferred on the way.

Operators that npusim defines channels last are wrapped in transposes here; channels_last.py then
stores tensors so that these disappear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, RangeError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import MAX_ELEMENTS, OnnxBody, OnnxNode, OnnxValue
from npusim.graph.network import Group, Network, Node
from npusim.graph.operator import Operator, check_inputs, output_shapes
from npusim.graph.tensor import DTYPES, Quantization, Tensor
from npusim.operators.forms.onnx_axes import integers_of

TO_CHANNELS_LAST = (0, 2, 3, 1)
TO_CHANNELS_FIRST = (0, 3, 1, 2)


RAW = Quantization(np.ones((), np.float32), np.zeros((), np.int64))
"""What a plain integer is worth: itself."""


def same_quantization(a: Quantization | None, b: Quantization | None) -> bool:
    """Return whether `a` and `b` give every integer the same real value."""
    if a is None or b is None:
        return a is b
    return (
        a.axis == b.axis
        and np.array_equal(a.scale, b.scale)
        and np.array_equal(a.zero_point, b.zero_point)
    )


def _carried(node: str, operator: Operator, q: Quantization | None) -> Quantization | None:
    """Return the quantization of a tensor `operator` copied its values to."""
    if q is None or q.axis is None:
        return q
    from npusim.operators.transpose import Transpose

    if isinstance(operator, Transpose):
        return replace(q, axis=operator.order.index(q.axis))
    raise UnsupportedError(f"{node}: a tensor with one scale per channel cannot pass this operator")


class Builder:
    """Tensors and nodes so far, and the constants of the file that nothing has used yet."""

    def __init__(
        self,
        inputs: list[OnnxValue],
        constants: dict[str, NDArray],
        absent: frozenset[str] = frozenset(),
        labels: Mapping[str, Quantization] | None = None,
        opset: int = 13,
    ) -> None:
        self.opset = opset
        self.labels = labels or {}
        """What integers are worth that no operator says it of."""
        self.constants = dict(constants)
        self.dequantized: set[str] = set()
        """Constants that a DequantizeLinear gives: the runtime computes them anew in every run."""
        self.tensors: dict[str, Tensor] = {}
        self._numbers: dict[str, int] = {}
        self._stand_in: dict[str, str] = {}
        self.nodes: list[Node] = []
        self.group: Group = ""
        """How the runtime computes the operators that are emitted now; see Node.group."""
        self.notes: list[str] = []
        self.channels_last: dict[str, str] = {}
        """Channels-last stand-in -> the tensor of the file it stands for."""
        self.constant_tensors: dict[str, str] = {}
        """Constant -> the tensor that holds it in the file's layout, where one does."""
        self.largest: dict[str, NDArray] = {}
        """Of computed integers that are sizes: their values where all sizes are the largest."""
        self.sizes: dict[str, NDArray] = {}
        """Values that are sizes of this run; `asked` are those that a page read."""
        self.asked: set[str] = set()
        self.may_be_empty = False
        """Whether tensors may have no elements, as in a run where nothing was found."""
        self.read_body: Callable[[Builder, str, OnnxBody, Sequence[Tensor]], Network] | None = None
        """Reads a graph inside a node for inputs of these types and shapes; see `body`."""
        self.absent = absent
        """Weights that the file declares without values; `constants` has zeros of their shape."""
        self.absent_tensors: list[str] = []
        """The tensors that stand for them, in the order of their use."""
        for value in inputs:
            if value.dtype.name not in DTYPES:
                raise UnsupportedError(
                    f"input {value.name}: expected one of {', '.join(DTYPES)}, found {value.dtype}"
                )
            label = None if value.dtype.kind == "f" else self.labels.get(value.name)
            self.tensors[value.name] = Tensor(value.name, value.shape, value.dtype, label)

    def constant(self, node: OnnxNode, index: int, what: str) -> NDArray:
        """Return the value of input `index`, which has to be a constant."""
        name = node.input(index)
        if name in self.sizes:
            self.asked.add(name)
            return self.sizes[name]
        if name not in self.constants:
            found = repr(name) if name else "nothing"
            raise UnsupportedError(
                f"{node.name} ({node.kind}): expected a constant {what}, found {found}"
            )
        return self.constants[name]

    def integers(self, node: OnnxNode, index: int, what: str) -> tuple[int, ...]:
        """Return the constant axes, sizes or counts at input `index`, in a row."""
        return integers_of(node, self.constant(node, index, what), what)

    def optional_integers(self, node: OnnxNode, index: int, what: str) -> tuple[int, ...] | None:
        """Return `integers`, None where the node has no input there."""
        return self.integers(node, index, what) if node.input(index) else None

    def integer(self, node: OnnxNode, index: int, what: str) -> int:
        """Return the one constant integer at input `index`."""
        values = self.integers(node, index, what)
        if len(values) != 1:
            raise FormatError(
                f"{node.name} ({node.kind}): expected one integer as {what}, found {len(values)}"
            )
        return values[0]

    def optional_integer(self, node: OnnxNode, index: int, what: str) -> int | None:
        """Return `integer`, None where the node has no input there."""
        return self.integer(node, index, what) if node.input(index) else None

    def body(self, node: OnnxNode, name: str, inputs: Sequence[Tensor]) -> Network:
        """Return the graph in attribute `name`, whose inputs are behind its own what it captures.

        `inputs` are its own, in order; the tensors' names do not matter.
        """
        found = node.attributes.get(name)
        if not isinstance(found, OnnxBody) or self.read_body is None:
            raise FormatError(f"{node.name} ({node.kind}): expected a graph {name}")
        if len(found.inputs) != len(inputs):
            raise FormatError(
                f"{node.name} ({node.kind}): expected {len(inputs)} inputs of {name}, "
                f"found {len(found.inputs)}"
            )
        return self.read_body(self, node.name, found, inputs)

    def captured(self, node: OnnxNode) -> tuple[str, ...]:
        """Return the computed tensors that the node's bodies read of the graph around it."""
        names = node.inputs[len(node.own_inputs) :]
        return tuple(name for name in names if name not in self.constants)

    def optional(self, node: OnnxNode, index: int, what: str) -> NDArray | None:
        """Return the constant value of input `index`, None where the node has none there."""
        return self.constant(node, index, what) if node.input(index) else None

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor or constant."""
        if name in self.constants:
            return self.constants[name].shape
        if name not in self.tensors:
            raise FormatError(f"input {name} is produced by no earlier node")
        return self.tensors[name].shape

    def value(self, node: OnnxNode, index: int) -> str:
        """Return the tensor at input `index`; a constant becomes a tensor."""
        name = node.input(index)
        if not name:
            raise FormatError(f"{node.name} ({node.kind}): input {index} is missing")
        if name in self.tensors:
            return name
        if name not in self.constants:
            raise FormatError(
                f"{node.name} ({node.kind}): input {name} is produced by no earlier node"
            )
        return self.store(name, self.constants[name], finite=False)

    def store(
        self,
        name: str,
        data: NDArray,
        quantization: Quantization | None = None,
        file_order: tuple[int, ...] | None = None,
        *,
        finite: bool = True,
    ) -> str:
        """Add a constant tensor, under `name` or a variant of it that is free; return its name.

        Weights have to be `finite`; values may be infinite, as masks are.
        """
        if name in self.absent:
            name = self.free(name)
            self.tensors[name] = Tensor(
                name, data.shape, data.dtype, quantization, None, file_order
            )
            self.absent_tensors.append(name)
            return name
        if data.dtype.kind == "f":
            data = data.astype(np.float32)
            if finite and not np.isfinite(data).all():
                bad = data[~np.isfinite(data)].ravel()[0]
                raise RangeError(f"constant {name}: expected finite values, found {bad}")
        name = self.free(name)
        self.tensors[name] = Tensor(name, data.shape, data.dtype, quantization, data, file_order)
        return name

    def free(self, name: str) -> str:
        """Return `name`, or `name` with a number where the network has it already."""
        if name not in self.tensors:
            return name
        number = self._numbers.get(name, 2)
        while f"{name}:{number}" in self.tensors:
            number += 1
        self._numbers[name] = number
        return f"{name}:{number}"

    def as_quantized(self, name: str, quantization: Quantization) -> str:
        """Return a tensor with the integers of `name` that are worth what `quantization` says."""
        tensor = self.tensors[name]
        if tensor.is_float:
            raise FormatError(f"{name}: expected integers, found {tensor.dtype}")
        if tensor.quantization is None:
            self._label(name, quantization)
            return name
        if same_quantization(tensor.quantization, quantization):
            return name
        if tensor.data is not None:
            return self.store(name, tensor.data, quantization)
        from npusim.operators.reshape import Reshape

        label = self.free(f"{name}:requantized_label")
        return self.emit(label, Reshape(tensor.shape), (name,), label, tensor.dtype, quantization)

    def _label(self, name: str, quantization: Quantization) -> None:
        """Say what the integers of a tensor are worth, and of all that are copied from or to it."""
        self.tensors[name] = replace(self.tensors[name], quantization=quantization)
        if quantization.axis is not None:
            return
        waiting = [name]
        while waiting:
            name = waiting.pop()
            for node in self.nodes:
                if node.operator.copies_values and name in (*node.inputs, *node.outputs):
                    for other in (*node.inputs, *node.outputs):
                        if self.tensors[other].quantization is None:
                            tensor = self.tensors[other]
                            self.tensors[other] = replace(tensor, quantization=quantization)
                            waiting.append(other)

    def emit(
        self,
        node: str,
        operator: Operator,
        inputs: tuple[str, ...],
        output: str,
        dtype: np.dtype | None = None,
        quantization: Quantization | None = None,
    ) -> str:
        """Append a node; return the name of its output.

        `dtype` None takes the type and quantization of the first input.
        """
        tensors = [self.tensors[name] for name in inputs]
        check_inputs(node, operator, tensors)
        (shape,) = output_shapes(node, operator, [t.shape for t in tensors])
        may_be_empty = self.may_be_empty or operator.sizes_vary
        if prod(shape) > MAX_ELEMENTS or (0 in shape and not may_be_empty):
            raise ShapeError(f"{node}: output {output} would be {list(shape)}")
        if dtype is None:
            dtype = tensors[0].dtype
            quantization = _carried(node, operator, tensors[0].quantization)
        if output in self.tensors or output in self.constants:
            raise FormatError(f"{node}: output {output} has a value already")
        self._declare(operator, Tensor(output, shape, dtype, quantization))
        group: Group = "" if operator.copies_values else self.group
        self.nodes.append(Node(node, operator, inputs, (output,), group))
        return output

    def _declare(self, operator: Operator, output: Tensor) -> None:
        self.tensors[output.name] = replace(output, varies=operator.sizes_vary)

    def varies(self, name: str) -> bool:
        """Return whether the shape of a tensor is known only at run."""
        return name in self.tensors and self.tensors[name].varies

    def emit_identity(self, node: OnnxNode) -> None:
        """Append a Reshape to the shape that the node's input has already."""
        from npusim.operators.reshape import Reshape

        x = self.value(node, 0)
        self.emit(node.name, Reshape(self.shape(x)), (x,), node.outputs[0])

    def emit_chain(self, node: OnnxNode, x: str, operators: Sequence[Operator]) -> None:
        """Append operators of one input, each on what the one before gives."""
        for index, operator in enumerate(operators):
            last = index == len(operators) - 1
            output = node.outputs[0] if last else self.free(f"{node.outputs[0]}:{index}")
            x = self.emit(node.name if last else f"{node.name}:{index}", operator, (x,), output)

    def emit_all(
        self,
        node: str,
        operator: Operator,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        dtypes: tuple[np.dtype, ...],
        quantization: Quantization | None = None,
    ) -> None:
        """Append a node of several outputs, of the types given."""
        tensors = [self.tensors[name] for name in inputs]
        check_inputs(node, operator, tensors)
        shapes = output_shapes(node, operator, [t.shape for t in tensors])
        for output, shape, dtype in zip(outputs, shapes, dtypes, strict=True):
            if output in self.tensors or output in self.constants:
                raise FormatError(f"{node}: output {output} has a value already")
            self._declare(operator, Tensor(output, shape, dtype, quantization))
        self.nodes.append(Node(node, operator, inputs, outputs))

    def emit_channels_last(
        self,
        node: str,
        operator: Operator,
        inputs: tuple[str, ...],
        output: str,
        dtype: np.dtype | None = None,
        quantization: Quantization | None = None,
    ) -> str:
        """As `emit`, for an operator whose first input and output are [N C H W] in the file."""
        from npusim.operators.transpose import Transpose

        x = self.tensors[inputs[0]]
        if len(x.shape) != 4 or x.is_constant:
            raise UnsupportedError(
                f"{node}: expected a computed input [N C H W], found "
                f"{'constant ' if x.is_constant else ''}{x.name} of shape {list(x.shape)}"
            )
        stand_in = self._stand_in.get(inputs[0])
        if stand_in is None:
            stand_in = self.free(f"{inputs[0]}:channels_last")
            self.emit(stand_in, Transpose(TO_CHANNELS_LAST), inputs[:1], stand_in)
            self.channels_last[stand_in] = inputs[0]
            self._stand_in[inputs[0]] = stand_in
        result = self.free(f"{output}:channels_last")
        self.emit(node, operator, (stand_in, *inputs[1:]), result, dtype, quantization)
        self.channels_last[result] = output
        self._stand_in.setdefault(output, result)
        return self.emit(f"{node}:channels_first", Transpose(TO_CHANNELS_FIRST), (result,), output)
