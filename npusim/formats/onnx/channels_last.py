"""Storing activations channels last: [N C ... H W] of the file becomes [N H W ... C].

A tensor is stored channels last where an operator with a window, or one per channel, reads or
writes it, and so is everything that elementwise operators join it to. Axes of operators follow. A
transpose that then moves nothing becomes a Reshape to the same shape, which keeps the file's name;
the others stand where a Reshape or a matrix product really needs the file's order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from npusim import operators as op
from npusim.graph.network import Group, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.reduce import Reduce
from npusim.operators.kinds.unary import Unary

Shape = tuple[int, ...]

ELEMENTWISE = (Unary, Binary, op.Concat, op.Slice, op.Pad)


def storage_order(rank: int) -> Shape:
    """Return the file axes in the order they are stored: N, the last two, then the channels."""
    return (0, rank - 2, rank - 1, *range(1, rank - 2))


def moves_nothing(order: Shape, shape: Shape) -> bool:
    """Return whether a transpose by `order` keeps row-major order: only axes of extent 1 move."""
    real = [axis for axis in order if shape[axis] != 1]
    return real == sorted(real)


class _Groups:
    """Sets of tensors that are stored alike (union and find)."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        while (up := self.parent.setdefault(name, name)) != name:
            self.parent[name] = name = self.parent[up]
        return name

    def join(self, a: str, b: str) -> None:
        self.parent[self.find(a)] = self.find(b)


def _joined(node: Node, tensors: dict[str, Tensor]) -> bool:
    """Return whether the node can read and write channels-last tensors without moving data."""
    operator, x, y = node.operator, tensors[node.inputs[0]].shape, tensors[node.outputs[0]].shape
    if isinstance(operator, ELEMENTWISE):
        return True
    if isinstance(operator, Reduce):
        return operator.keep_dims
    if isinstance(operator, op.Transpose):
        order = operator.order
        return order[0] == 0 and order[-2:] == (len(order) - 2, len(order) - 1)
    if isinstance(operator, op.Reshape) and len(x) >= 4 and len(y) >= 4:
        return (x[0], *x[-2:]) == (y[0], *y[-2:])
    return False


def _stored_channels_last(b: Builder) -> set[str]:
    groups = _Groups()
    for node in b.nodes:
        y = node.outputs[0]
        if _joined(node, b.tensors):
            for x in node.inputs:
                tensor = b.tensors[x]
                if tensor.data is None and len(tensor.shape) == len(b.tensors[y].shape) >= 4:
                    groups.join(x, y)
                elif isinstance(node.operator, op.Reshape):
                    groups.join(x, y)
    seeds = {groups.find(name) for name in b.channels_last.values()}
    return {
        name
        for name, tensor in b.tensors.items()
        if tensor.data is None and name not in b.channels_last and groups.find(name) in seeds
    }


class _Rewriter:
    """Nodes and tensors in the chosen storage, built from a builder's in the file's."""

    def __init__(self, b: Builder) -> None:
        self.file = b.tensors
        self.stand_ins = b.channels_last
        self.last = _stored_channels_last(b)
        self.nodes: list[Node] = []
        self.group: Group = ""
        self.tensors = {name: self._stored(tensor) for name, tensor in b.tensors.items()}
        for name in self.stand_ins:
            del self.tensors[name]
        self.copies: dict[tuple[str, int, bool], str] = {}

    def _stored(self, tensor: Tensor) -> Tensor:
        if tensor.name not in self.last:
            return tensor
        order = storage_order(len(tensor.shape))
        q = tensor.quantization
        if q is not None and q.axis is not None:
            q = replace(q, axis=order.index(q.axis))
        return Tensor(
            tensor.name,
            tuple(tensor.shape[axis] for axis in order),
            tensor.dtype,
            q,
            file_order=tuple(int(axis) for axis in np.argsort(order)),
        )

    def name(self, name: str) -> str:
        """Return the tensor a channels-last stand-in stands for."""
        return self.stand_ins.get(name, name)

    def order(self, name: str) -> Shape:
        """Return the file axes of a tensor as stored."""
        rank = len(self.file[name].shape)
        return storage_order(rank) if name in self.last else tuple(range(rank))

    def free(self, name: str) -> str:
        """Return `name`, or `name` with a number where the network has it already."""
        number, found = 2, name
        while found in self.tensors or found in self.file:
            found, number = f"{name}:{number}", number + 1
        return found

    def append(self, node: str, operator: op.Operator, inputs: Iterable[str], output: str) -> None:
        group: Group = "" if operator.copies_values else self.group
        self.nodes.append(Node(node, operator, tuple(inputs), (output,), group))

    def converted(self, name: str, rank: int, channels_last: bool) -> str:
        """Return `name` with `rank` axes (ones put before), stored as asked; maybe a copy."""
        stored_last = name in self.last
        if len(self.file[name].shape) == rank and stored_last == channels_last:
            return name
        key = (name, rank, channels_last)
        if key in self.copies:
            return self.copies[key]
        tensor = self.tensors[name]
        if tensor.data is not None:
            result = self._constant(tensor, rank, channels_last)
        else:
            result = self._moved(name, self.order(name), False) if stored_last else name
            shape = self.tensors[result].shape
            if len(shape) != rank:
                shape = (1,) * (rank - len(shape)) + shape
                wide = self.free(f"{result}:rank{rank}")
                self.tensors[wide] = replace(self.tensors[result], name=wide, shape=shape)
                self.append(wide, op.Reshape(shape), (result,), wide)
                result = wide
            if channels_last:
                result = self._moved(result, storage_order(rank), True)
        self.copies[key] = result
        return result

    def _constant(self, tensor: Tensor, rank: int, channels_last: bool) -> str:
        assert tensor.data is not None
        data = tensor.data.reshape((1,) * (rank - tensor.data.ndim) + tensor.data.shape)
        order = storage_order(rank) if channels_last else tuple(range(rank))
        name = self.free(f"{tensor.name}:rank{rank}")
        file_order = tuple(int(axis) for axis in np.argsort(order))
        data = data.transpose(order)
        self.tensors[name] = Tensor(
            name, data.shape, tensor.dtype, tensor.quantization, data, file_order
        )
        return name

    def _moved(self, name: str, order: Shape, to_last: bool) -> str:
        """Append the copy of `name` between the file's order and the stored one."""
        source = self.tensors[name]
        forward = order if to_last else tuple(int(axis) for axis in np.argsort(order))
        moved = self.free(f"{name}:{'channels_last' if to_last else 'file_order'}")
        shape = tuple(source.shape[axis] for axis in forward)
        q = source.quantization
        if q is not None and q.axis is not None:
            q = replace(q, axis=forward.index(q.axis))
        file_order = tuple(int(axis) for axis in np.argsort(order)) if to_last else None
        self.tensors[moved] = Tensor(moved, shape, source.dtype, q, file_order=file_order)
        operator = self._transpose(forward, source.shape)
        self.append(moved, operator, (name,), moved)
        return moved

    @staticmethod
    def _transpose(order: Shape, shape: Shape) -> op.Operator:
        if moves_nothing(order, shape):
            return op.Reshape(tuple(shape[axis] for axis in order))
        return op.Transpose(order)

    def node(self, node: Node) -> None:
        """Append what `node` is in the chosen storage."""
        self.group = node.group
        if len(node.outputs) > 1:
            self._several(node)
            return
        operator, output = node.operator, self.name(node.outputs[0])
        if isinstance(operator, op.Transpose):
            source = self.name(node.inputs[0])
            if source == output:
                return
            if node.inputs[0] not in self.stand_ins and node.outputs[0] not in self.stand_ins:
                before = self.order(source)
                wanted = [operator.order[axis] for axis in self.order(output)]
                order = tuple(before.index(axis) for axis in wanted)
                copied = self._transpose(order, self.tensors[source].shape)
                self.append(node.name, copied, (source,), output)
                return
        if node.inputs[0] in self.stand_ins:
            self.append(node.name, operator, [self.name(x) for x in node.inputs], output)
        elif isinstance(operator, op.Reshape):
            self._reshape(node, output)
        elif isinstance(operator, Reduce) and not operator.keep_dims:
            self._mean(node, operator, output)
        elif isinstance(operator, (*ELEMENTWISE, Reduce)):
            self._elementwise(node, output)
        else:  # matrix products work on the file's last axes
            self._in_file_order(node, output)

    def _elementwise(self, node: Node, output: str) -> None:
        rank = len(self.file[output].shape)
        last = output in self.last
        inputs = [self.converted(x, rank, last) for x in node.inputs] if last else [
            self.converted(x, len(self.file[x].shape), False) for x in node.inputs
        ]  # fmt: skip
        operator = _with_axes(node.operator, self.order(output)) if last else node.operator
        self.append(node.name, operator, inputs, output)

    def _mean(self, node: Node, operator: Reduce, output: str) -> None:
        x = node.inputs[0]
        order = self.order(x)
        kept = [axis for axis in order if axis not in operator.axes]
        if output not in self.last and kept == sorted(kept):
            self.append(node.name, _with_axes(operator, order), (x,), output)
        else:
            self._in_file_order(node, output)

    def _reshape(self, node: Node, output: str) -> None:
        x = node.inputs[0]
        same = x in self.last and output in self.last and _joined(node, self.file)
        if same or (x not in self.last and output not in self.last):
            self.append(node.name, op.Reshape(self.tensors[output].shape), (x,), output)
        else:
            self._in_file_order(node, output)

    def _several(self, node: Node) -> None:
        """Append a node of several outputs, all in the file's order."""
        inputs = tuple(self.converted(x, len(self.file[x].shape), False) for x in node.inputs)
        outputs, copies = [], []
        for name in node.outputs:
            if name in self.last:
                plain = self.free(f"{name}:file_order")
                self.tensors[plain] = replace(self.file[name], name=plain)
                self.copies[name, len(self.file[name].shape), False] = plain
                copies.append((name, plain))
                outputs.append(plain)
            else:
                outputs.append(name)
        self.nodes.append(Node(node.name, node.operator, inputs, tuple(outputs)))
        for name, plain in copies:
            order = storage_order(len(self.file[name].shape))
            operator = self._transpose(order, self.tensors[plain].shape)
            self.append(f"{name}:channels_last", operator, (plain,), name)

    def _in_file_order(self, node: Node, output: str) -> None:
        inputs = [self.converted(x, len(self.file[x].shape), False) for x in node.inputs]
        if output not in self.last:
            self.append(node.name, node.operator, inputs, output)
            return
        plain = self.free(f"{output}:file_order")
        self.copies[output, len(self.file[output].shape), False] = plain
        self.tensors[plain] = replace(self.file[output], name=plain)
        self.append(node.name, node.operator, inputs, plain)
        order = storage_order(len(self.file[output].shape))
        copied = self._transpose(order, self.tensors[plain].shape)
        self.append(f"{output}:channels_last", copied, (plain,), output)


def _with_axes(operator: op.Operator, order: Shape) -> op.Operator:
    """Return the operator with its axes renumbered for a tensor stored in `order`."""
    if isinstance(operator, op.Softmax | op.Concat):
        return replace(operator, axis=order.index(operator.axis))
    if isinstance(operator, Reduce):
        return replace(operator, axes=tuple(sorted(order.index(axis) for axis in operator.axes)))
    if isinstance(operator, op.Slice):
        start, stop, step = operator.start, operator.stop, operator.step
        return op.Slice(
            tuple(start[a] for a in order),
            tuple(stop[a] for a in order),
            tuple(step[a] for a in order),
        )
    if isinstance(operator, op.Pad):
        before, after = operator.before, operator.after
        return op.Pad(tuple(before[a] for a in order), tuple(after[a] for a in order))
    return operator


def channels_last(b: Builder) -> tuple[list[Node], dict[str, Tensor]]:
    """Return the builder's nodes and tensors, stored channels last where that is their home."""
    rewriter = _Rewriter(b)
    for node in b.nodes:
        rewriter.node(node)
    for node in rewriter.nodes:
        shapes = [rewriter.tensors[name].shape for name in node.inputs]
        found = tuple(rewriter.tensors[name].shape for name in node.outputs)
        assert output_shapes(node.name, node.operator, shapes) == found, node
    return rewriter.nodes, rewriter.tensors
