"""Operators that runtimes have in float32 alone: the host computes them on real values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.operator import Operator
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.own import OwnForm
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.table import float32_table, table_step
from npusim.operators.page import NO_OWN_FORM, Absent, Page, PerRuntime, no_macs

FLOATS_ALONE = Absent("is computed on floats alone")


def tabulated(function: Callable[[Any, NDArray[np.float32]], NDArray[np.float32]]) -> PerRuntime:
    """Return the constants of a function that npusim's own networks alone have on 8 bits."""
    return PerRuntime(
        litert=FLOATS_ALONE, litert_opt=FLOATS_ALONE, xnnpack=FLOATS_ALONE,
        onnxruntime=FLOATS_ALONE, tosa=FLOATS_ALONE, integer=float32_table(function),
    )  # fmt: skip


def float_page(
    operator: type[Operator],
    onnx: tuple[OnnxForm, ...],
    single: Callable[..., NDArray],
    real: Callable[..., NDArray] | Absent | None = None,
    own: tuple[OwnForm, ...] | Absent = NO_OWN_FORM,
    constants: PerRuntime | Absent = FLOATS_ALONE,
    tflite: tuple[TfliteForm, ...] = (),
) -> Page:
    """Return the page of an operator on floats: `single` in float32, `real` in the array's type.

    Where `real` is left out, `single` serves for every type of float. `own` and `constants` are for
    networks that npusim quantizes: an island, or a table of 8-bit values.
    """
    return Page(
        operator=operator,
        tflite=tflite,
        onnx=onnx,
        own=own,
        real=single if real is None else real,
        constants=constants,
        quantized=FLOATS_ALONE if isinstance(constants, Absent) else table_step,
        float32=elementwise(single),
        plain=Absent("takes no plain integers"),
        macs=no_macs,
        unit="host",
    )


def as_float32(function: Callable[[NDArray], NDArray]) -> Callable[[Any, NDArray], NDArray]:
    """Return a page's function of (operator, x) from a function of x without attributes."""
    return lambda operator, x: function(x)
