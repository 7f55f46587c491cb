"""How the values of a network lie: as channel blocks, renamed, or as the host's bytes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.machines import Machine


@dataclass(frozen=True)
class Form:
    """How a tensor lies: axes taken in `order`, as height width channels; bytes of the array.

    Tensors of other types than 8 bits are one vector of bytes, little-endian, for the host alone.
    """

    height: int
    width: int
    channels: int
    order: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels


def is_byte(tensor: Tensor) -> bool:
    """Return whether the machine can hold the tensor: int8 or uint8."""
    return tensor.dtype in (np.int8, np.uint8)


def form_of(tensor: Tensor) -> Form:
    """Return how `tensor` lies unless something else is arranged for it."""
    order = tuple(range(len(tensor.shape)))
    if not is_byte(tensor):
        return Form(1, 1, max(prod(tensor.shape) * tensor.dtype.itemsize, 1), order)
    shape = tensor.shape
    if not shape:
        return Form(1, 1, 1, order)
    return Form(prod(shape[:-2]), shape[-2] if len(shape) > 1 else 1, shape[-1], order)


def is_renaming(machine: Machine, old: Form, new: Form) -> bool:
    """Return whether values of form `old`, read row-major, lie in DRAM as form `new` does."""
    if old.order != tuple(range(len(old.order))):
        return False

    def is_flat(form: Form) -> bool:
        """Whether value i, row-major, is byte i."""
        one_pixel = form.height * form.width == 1
        return one_pixel or (
            form.channels <= machine.size and form.channels % machine.bus.bus_bytes == 0
        )

    return old.channels == new.channels or (is_flat(old) and is_flat(new))


def flattens(network: Network, node: Node, name: str) -> bool:
    """Return whether `node` takes tensor `name` as one row of features, in any shape."""
    if not isinstance(node.operator, op.FullyConnected) or node.inputs[0] != name:
        return False
    encoding = node.operator.encoding
    taps = prod(encoding.weight_shape[1:]) if encoding else network.inputs_of(node)[1].shape[1]
    return prod(network.tensors[name].shape[1:]) == taps


def folded_pads(network: Network) -> dict[str, tuple[Node, tuple[int, int, int, int]]]:
    """Return Pad outputs that convolutions alone read, with top, bottom, left, right."""
    found = {}
    for node in network.nodes:
        operator = node.operator
        if not isinstance(operator, op.Pad) or len(operator.before) != 4:
            continue
        ends = (operator.before[0], operator.after[0], operator.before[3], operator.after[3])
        readers = network.consumers[node.outputs[0]]
        is_free = node.outputs[0] not in network.outputs and not any(ends)
        if is_free and readers and all(isinstance(r.operator, op.Conv2D) for r in readers):
            found[node.outputs[0]] = (
                node,
                (operator.before[1], operator.after[1], operator.before[2], operator.after[2]),
            )
    return found
