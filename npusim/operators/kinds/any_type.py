"""Pages of operators that take values of any type as they stand: one step for every runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.own import OwnForm
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.types import require_same_quantization
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step, no_macs
from npusim.words import Unit


def any_type_page(
    operator: type[Operator],
    tflite: tuple[TfliteForm, ...],
    real: Callable[..., NDArray | tuple[NDArray, ...]],
    step: Callable[[Network, Node], Step] | None = None,
    *,
    onnx: tuple[OnnxForm, ...] = (),
    own: tuple[OwnForm, ...] | Absent = NO_OWN_FORM,
    unit: Unit = "host",
    keeps_scale: bool = False,
) -> Page:
    """Return the page of an operator whose one `step` serves all types and every runtime.

    Where it is left out, `real` is computed on the values as they stand. With `keeps_scale` a
    node whose output has another scale than its input is refused.
    """
    run = as_they_stand(real) if step is None else step

    def quantized(network: Network, node: Node, constants: Any) -> Step:
        if keeps_scale:
            require_same_quantization(node, network.inputs_of(node)[0], network.output_of(node))
        return run(network, node)

    return Page(
        operator=operator,
        tflite=tflite,
        onnx=onnx,
        own=own,
        real=real,
        constants=Absent("takes integers as they are"),
        quantized=quantized,
        float32=lambda network, node, rule: run(network, node),
        plain=run,
        macs=no_macs,
        unit=unit,
    )


def as_they_stand(real: Callable[..., Any]) -> Callable[[Network, Node], Step]:
    """Return the step that computes a page's `real` on numbers that are worth themselves."""
    return lambda network, node: lambda threads, *values: real(node.operator, *values)


def one_or_all(outputs: tuple[NDArray, ...]) -> NDArray | tuple[NDArray, ...]:
    """Return what a step of so many outputs returns: the array alone where there is one."""
    return outputs[0] if len(outputs) == 1 else outputs
