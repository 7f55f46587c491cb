"""Pads that the convolution behind them reads by itself: no padded copy of the image is made.

A convolution's own copy of its input (kernels/linear_input.py) is padded with its zero point, as a
Pad of integers is. Where nothing else reads what the Pad makes, the window of the convolution takes
the padding over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from npusim.graph.network import Network, Node
from npusim.graph.tensor import is_quantized
from npusim.kernels.linear import LinearKernel, LinearStep
from npusim.operators.pad import Pad
from npusim.operators.page import Step
from npusim.operators.steps import value_inputs


def fold_pads(
    network: Network, functions: Sequence[Step], kept: Sequence[str]
) -> dict[int, tuple[str, LinearStep]]:
    """Return, by number of node, what a convolution reads instead of a Pad's output, and its step.

    Nothing that is `kept` is folded: its value has to be there.
    """
    readers = Counter(name for node in network.nodes for name in value_inputs(node))
    needed = {*kept, *(state.update for state in network.state)}
    folded = {}
    for number, (node, function) in enumerate(zip(network.nodes, functions, strict=True)):
        if not isinstance(function, LinearStep) or function.taps is not None:
            continue
        kernel = function.kernel
        if not isinstance(kernel, LinearKernel):
            continue
        (name,) = value_inputs(node)
        pad = network.producer.get(name)
        if pad is None or readers[name] > 1 or name in needed:
            continue
        padding = _image_padding(network, pad)
        if padding is not None:
            folded[number] = (pad.inputs[0], LinearStep(kernel.padded(padding)))
    return folded


def _image_padding(network: Network, node: Node) -> tuple[int, int, int, int] | None:
    """Return (top, bottom, left, right) of a Pad around images, None of any other node.

    A Pad of integers is by their zero point, and its output has its input's.
    """
    pad = node.operator
    if not isinstance(pad, Pad) or not is_quantized(network.tensors[node.inputs[0]]):
        return None
    (n, top, left, c), (n_end, bottom, right, c_end) = pad.before, pad.after
    return None if n or c or n_end or c_end else (top, bottom, left, right)
