"""A node on integers seen as its file's runtime computes it: in float32, or moved to uint8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.kernels import floating_point
from npusim.operators.add import Add
from npusim.operators.conv2d import Conv2D
from npusim.operators.kinds.elements import ElementsStep
from npusim.operators.page import Step
from npusim.runtimes.requantization import affine

if TYPE_CHECKING:  # reading a file needs no compiled kernels
    from npusim.kernels.entry import Call


def real_values(tensor: Tensor, x: NDArray) -> NDArray[np.float32]:
    """Return the reals that the integers of a tensor stand for; floats as they are."""
    q = tensor.quantization
    if q is None:
        return x.astype(np.float32)
    shape = [1] * x.ndim
    if q.axis is not None:
        shape[q.axis] = -1
    scale, zero_point = q.scale, q.zero_point
    if q.axis is not None:
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    return (x.astype(np.int64) - zero_point).astype(np.float32) * scale


def in_float(network: Network, node: Node) -> Network:
    """Return a network of the node alone, still of its group, every tensor with its real values."""

    def real(tensor: Tensor) -> Tensor:
        data = None if tensor.data is None else real_values(tensor, tensor.data)
        return replace(tensor, dtype=np.dtype(np.float32), quantization=None, data=data)

    return _alone(network, node, real)


def in_uint8(network: Network, node: Node) -> Network:
    """Return a network of the node alone, every int8 tensor and its zero point 128 higher."""

    def lifted(tensor: Tensor) -> Tensor:
        q = tensor.quantization
        if tensor.dtype != np.int8 or q is None:
            return tensor
        data = None if tensor.data is None else lifted_values(tensor.data)
        higher = replace(q, zero_point=q.zero_point + LIFT)
        return replace(tensor, dtype=np.dtype(np.uint8), quantization=higher, data=data)

    return _alone(network, replace(node, group="joined"), lifted)


LIFT = 128


def lifted_values(x: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return int8 values 128 higher."""
    return np.ascontiguousarray(x).view(np.uint8) ^ np.uint8(LIFT)


def _alone(network: Network, node: Node, seen: Callable[[Tensor], Tensor]) -> Network:
    names = (*node.inputs, *node.outputs)
    tensors = {name: seen(network.tensors[name]) for name in names}
    inputs = tuple(name for name in node.inputs if tensors[name].data is None)
    return Network(network.name, network.source, (node,), tensors, inputs, node.outputs)


def float_group_step(network: Network, node: Node, function: Step) -> Step:
    """Return the step on integers of a node that `function` computes on their real values."""
    y = network.output_of(node)
    scale, zero_point = (np.asarray(value) for value in affine(node, y))
    tensors = network.inputs_of(node)

    def run(threads: int, *x: NDArray) -> NDArray:
        reals = [real_values(tensor, array) for tensor, array in zip(tensors, x, strict=False)]
        with np.errstate(all="ignore"):
            result = function(threads, *reals)
        return floating_point.quantize(result, scale, zero_point, y.dtype, "even")

    return _real_convolution(network, node, run) or _real_sum(network, node) or run


def _is_byte(tensor: Tensor) -> bool:
    """Return whether a tensor holds 8-bit integers of one scale and zero point."""
    q = tensor.quantization
    return tensor.dtype.itemsize == 1 and q is not None and q.axis is None


def _real_convolution(network: Network, node: Node, plain: Step) -> Step | None:
    """Return the fast step of a convolution by constants, None where there is none."""
    operator, (x, *constants) = node.operator, network.inputs_of(node)
    y = network.output_of(node)
    if not isinstance(operator, Conv2D) or not (_is_byte(x) and _is_byte(y)):
        return None
    if any(tensor.data is None for tensor in constants):
        return None
    from npusim.kernels.linear import LinearStep
    from npusim.kernels.real_windows import RealKernel, takes_fast_form

    weights, *bias = (real_values(t, t.data) for t in constants if t.data is not None)
    if not takes_fast_form(weights, operator.groups, y.shape):
        return None
    kernel = RealKernel(
        lambda values: plain(1, values),
        weights,
        bias[0].reshape(-1) if bias else None,
        operator.window,
        operator.activation,
        (*affine(node, x), x.dtype),
        (*affine(node, y), y.dtype),
    )
    return LinearStep(kernel)


def _real_sum(network: Network, node: Node) -> Step | None:
    """Return the fast step of a sum of two computed operands, None of anything else."""
    operator, inputs, y = node.operator, network.inputs_of(node), network.output_of(node)
    if not isinstance(operator, Add) or not all(_is_byte(t) for t in (*inputs, y)):
        return None
    a, b = inputs
    if a.shape != b.shape or a.is_constant or b.is_constant:
        return None
    (sa, za), (sb, zb), (so, zo) = (affine(node, tensor) for tensor in (a, b, y))
    limits = np.iinfo(y.dtype)
    clamp = operator.activation or Clamp()
    reals = np.array(
        [
            sa, sb, so, -np.inf if clamp.low is None else clamp.low,
            np.inf if clamp.high is None else clamp.high,
        ],
        np.float32,
    )  # fmt: skip
    integers = np.array([za, zb, zo, limits.min, limits.max], np.int64)
    return ElementsStep(
        floating_point.add_reals, (reals, integers), y.dtype, (float(sa / so), float(sb / so))
    )


class LiftedStep:
    """A step on uint8 as one on int8: 128 is added to what goes in, and taken from what comes."""

    def __init__(self, inner: Step) -> None:
        self.inner = inner

    def __call__(self, threads: int, *x: NDArray) -> NDArray:
        """Return the step's output for `x`."""
        lifted = [lifted_values(a) if a.dtype == np.int8 else a for a in x]
        y: NDArray = self.inner(threads, *lifted)
        return (y ^ np.uint8(LIFT)).view(np.int8)

    def bind(self, *arrays: NDArray) -> Call:
        """Return the call that fills the last array from the others."""
        *x, y = arrays
        lifted = [np.empty(a.shape, np.uint8) if a.dtype == np.int8 else a for a in x]
        moves = [
            (a.view(np.uint8), b) for a, b in zip(x, lifted, strict=True) if a.dtype == np.int8
        ]
        target, flip = y.view(np.uint8), np.uint8(LIFT)
        inner = _bound(self.inner, lifted, target)

        def call() -> None:
            for source, copy in moves:
                np.bitwise_xor(source, flip, out=copy)
            inner()
            np.bitwise_xor(target, flip, out=target)

        return call


def _bound(step: Step, x: list[NDArray], y: NDArray) -> Callable[[], object]:
    """Return what fills `y` from `x` by `step`."""
    bind = getattr(step, "bind", None)
    if bind is None:
        return lambda: y.__setitem__(..., step(1, *x))
    call = bind(*x, y)
    if not isinstance(call, tuple):
        return call
    from npusim.kernels.entry import make_calls

    return make_calls.bind(np.array([call], np.int64))
