"""Updates put into an array, one after the other: what each does to the value that it meets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError
from npusim.formats.onnx.nodes import OnnxNode

REDUCTIONS = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def reduction_of(node: OnnxNode) -> str:
    """Return the node's reduction: `none`, where the last update stays, or one of REDUCTIONS."""
    name = str(node.attributes.get("reduction", "none"))
    if name != "none" and name not in REDUCTIONS:
        expected = ", ".join(("none", *REDUCTIONS))
        raise FormatError(
            f"{node.name} ({node.kind}): expected a reduction of {expected}, found {name!r}"
        )
    return name


def put(x: NDArray, places: tuple[NDArray, ...], updates: NDArray, reduction: str) -> NDArray:
    """Return a copy of x with the updates at their places."""
    y = np.array(x)
    if reduction == "none":
        y[places] = updates
    else:
        REDUCTIONS[reduction].at(y, places, updates)
    return y
