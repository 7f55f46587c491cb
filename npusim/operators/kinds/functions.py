"""Pages of functions of one value: a float32 function, tabulated for 8 bits as TFLite does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.own import Field
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.table import Table, float32_table, table_step
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import by_width
from npusim.operators.page import NO_OWN_FORM, Absent, Constants, Page, PerRuntime, Step, no_macs

NO_INTEGERS = Absent("takes no plain integers")


def function_page(
    operator: type[Unary],
    tflite: tuple[TfliteForm, ...],
    single: Callable[[Any, NDArray[np.float32]], NDArray[np.float32]],
    *,
    single_onnxruntime: Callable[[Any, NDArray[np.float32]], NDArray[np.float32]] | None = None,
    onnx: tuple[OnnxForm, ...] = (),
    constants: PerRuntime | Absent | None = None,
    plain: Callable[[Network, Node], Step] | Absent = NO_INTEGERS,
    fields: tuple[Field, ...] = (),
    wide: Constants | None = None,
) -> Page:
    """Return the page of a function `single` (operator, x) of float arrays.

    `single_onnxruntime` is onnxruntime's in float32, where its bits are not those of `single`.
    `constants` are tables of 8-bit values where they are not `single` itself, tabulated; `fields`
    are the operator's in npusim's own files. `wide` are constants of int16 values, where LiteRT
    takes them.
    """
    constants = alike(float32_table(single)) if constants is None else constants
    if wide is not None and not isinstance(constants, Absent):
        constants = by_width(constants, wide)
    on_floats = elementwise(single if single_onnxruntime is None else single_onnxruntime)
    return Page(
        operator=operator,
        tflite=tflite,
        onnx=onnx,
        own=NO_OWN_FORM
        if isinstance(constants, Absent)
        else (table_form(operator.__name__.lower(), constants, *fields),),
        real=single,
        constants=constants,
        quantized=Absent("takes no quantized integers")
        if isinstance(constants, Absent)
        else table_step,
        float32=by_runtime(elementwise(single), onnxruntime=on_floats),
        plain=plain,
        macs=no_macs,
        unit="host" if isinstance(constants, Absent) else "vector unit",
    )


def values_of_input(network: Network, node: Node) -> NDArray[np.int64]:
    """Return every value of the 8-bit input, ascending."""
    limits = np.iinfo(network.inputs_of(node)[0].dtype)
    return np.arange(limits.min, limits.max + 1)


def in_range_of_output(network: Network, node: Node, values: NDArray[np.int64]) -> Table:
    """Return values clamped to the output's type."""
    dtype = network.output_of(node).dtype
    limits = np.iinfo(dtype)
    return np.clip(values, limits.min, limits.max).astype(dtype)


def plain_function(function: Callable[[NDArray], NDArray]) -> Callable[[Network, Node], Step]:
    """Return a page's plain part from a numpy function of one array."""
    return lambda network, node: lambda threads, x: function(x)
