"""How a page says what an operator is called in .onnx files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator
from npusim.operators.forms.onnx_builder import Builder


@dataclass(frozen=True)
class OnnxForm:
    """One name of an operator in .onnx files.

    Attributes
    ----------
    name, domain
        The operator's type and domain; the standard domain is "".
    read
        Appends what the node means to the builder, axes and shapes still the file's.
    weights
        Which inputs are weights and nothing else: a file may leave their values out.
    image
        Whether it works on images [N C H W]; signals [N C L] then come as images of one row.
    kernel
        Which input holds weights with spatial axes.
    """

    name: str
    read: Callable[[Builder, OnnxNode], None]
    domain: str = ""
    weights: tuple[int, ...] = ()
    image: bool = False
    kernel: int | None = None


def reads(
    make: Callable[[OnnxNode], Operator], inputs: int = 1, dtype: np.dtype | None = None
) -> Callable[[Builder, OnnxNode], None]:
    """Return a form's reader: the operator that `make` makes of the attributes, on values.

    `dtype` is the output's type where it is not the first input's.
    """

    def read(b: Builder, node: OnnxNode) -> None:
        values = tuple(b.value(node, index) for index in range(inputs))
        b.emit(node.name, make(node), values, node.outputs[0], dtype)

    return read
