"""A float network under rewriting: nodes and tensors are appended in order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Tensor

FLOAT = np.dtype(np.float32)


class Rewriting:
    """The nodes and tensors of the network to be, in order."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = dict(network.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return self.tensors[name].shape

    def data(self, name: str) -> NDArray | None:
        """Return the values of a constant, None where they are computed."""
        return self.tensors[name].data

    def constant(self, name: str, values: NDArray) -> str:
        """Add a float constant."""
        data = np.asarray(values, np.float32)
        self.tensors[name] = Tensor(name, data.shape, FLOAT, data=data)
        return name

    def emit(self, name: str, operator: op.Operator, *inputs: str, to: str = "") -> str:
        """Append a node that writes `to`, or a new tensor of the node's name; return its name."""
        output = to or f"{name}:value"
        if not to:
            (shape,) = output_shapes(name, operator, [self.shape(i) for i in inputs])
            self.tensors[output] = Tensor(output, shape, FLOAT)
        self.nodes.append(Node(name, operator, inputs, (output,)))
        return output

    def part(self, name: str, x: str, axis: int, start: int, stop: int, to: str = "") -> str:
        """Append a slice start..stop along one axis."""
        shape = self.shape(x)
        low = tuple(start if a == axis else 0 for a in range(len(shape)))
        high = tuple(stop if a == axis else n for a, n in enumerate(shape))
        return self.emit(name, op.Slice(low, high, (1,) * len(shape)), x, to=to)

    def moved(
        self, name: str, x: str, first: tuple[int, ...], order: tuple[int, ...], to: str = ""
    ) -> str:
        """Append Reshape to `first`, Transpose by `order`, and the shape of `to` or of images."""
        x = self.emit(f"{name}:blocks", op.Reshape(first), x)
        x = self.emit(f"{name}:turned", op.Transpose(order), x)
        n, h, b, w, c, d = self.shape(x)
        shape = self.shape(to) if to else (n, h * b, w * c, d)
        return self.emit(f"{name}:image", op.Reshape(shape), x, to=to)

    def transposed(self, name: str, x: str, order: tuple[int, ...], to: str = "") -> str:
        """Append Transpose by `order`; nothing where the order stays and no tensor is asked for."""
        if order == tuple(range(len(order))) and not to:
            return x
        return self.emit(name, op.Transpose(order), x, to=to)


Writer = Callable[[Rewriting, Node], bool]
"""Writes a node in other operators; False where it stays as it is."""
