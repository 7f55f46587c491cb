"""Operators that runtimes have in float32 alone: the host computes them on real values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from npusim.graph.operator import Operator
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.page import Absent, Page, no_macs


def float_page(
    operator: type[Operator],
    onnx: tuple[OnnxForm, ...],
    single: Callable[..., NDArray],
    real: Callable[..., NDArray] | Absent | None = None,
) -> Page:
    """Return the page of an operator on floats: `single` in float32, `real` in the array's type.

    Where `real` is left out, `single` serves for every type of float.
    """
    return Page(
        operator=operator,
        tflite=(),
        onnx=onnx,
        own=Absent("has no form in npusim's own files"),
        real=single if real is None else real,
        constants=Absent("is computed on floats alone"),
        quantized=Absent("is computed on floats alone"),
        float32=elementwise(single),
        plain=Absent("takes no plain integers"),
        macs=no_macs,
        unit="host",
    )


def as_float32(function: Callable[[NDArray], NDArray]) -> Callable[[Any, NDArray], NDArray]:
    """Return a page's function of (operator, x) from a function of x without attributes."""
    return lambda operator, x: function(x)
