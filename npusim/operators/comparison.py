"""comparison: whether a stands in a relation to b, each with its own scale, shapes broadcast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.any_type import as_they_stand
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.pairs import Integers, Pairs, pairs_step
from npusim.operators.page import NO_OWN_FORM, Page, no_macs
from npusim.runtimes.fixed_point import multiplied_below_one
from npusim.runtimes.requantization import affine, quantize_multiplier

LEFT_SHIFT_BITS = 8

Relation = Literal["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
RELATIONS: dict[Relation, Callable[..., NDArray]] = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}


@dataclass(frozen=True)
class Comparison(Binary):
    """Whether `relation` holds between a and b: a truth value for each pair."""

    relation: Relation


def real(operator: Comparison, a: NDArray, b: NDArray) -> NDArray:
    """Return where the relation holds."""
    return RELATIONS[operator.relation](a, b)


def fixed_point(network: Network, node: Node, mode: str = "") -> Pairs:
    """Return TFLite's relation (comparisons.cc) of operands in 8 fraction bits of 1."""
    operator: Any = node.operator
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    first, second = quantize_multiplier(float(s1)), quantize_multiplier(float(s2))

    def holds(a: Integers, b: Integers) -> NDArray:
        left = multiplied_below_one((a - z1) << LEFT_SHIFT_BITS, *first)
        return real(operator, left, multiplied_below_one((b - z2) << LEFT_SHIFT_BITS, *second))

    return holds


def _form(relation: Relation) -> TfliteForm:
    return TfliteForm(relation.upper(), 2, lambda layer: Comparison(relation))


def _onnx_form(name: str, relation: Relation) -> OnnxForm:
    return OnnxForm(name, reads(lambda node: Comparison(relation), 2, np.dtype(np.bool_)))


PAGE = Page(
    operator=Comparison,
    tflite=tuple(_form(relation) for relation in RELATIONS),
    onnx=(
        _onnx_form("Equal", "equal"),
        _onnx_form("Greater", "greater"),
        _onnx_form("GreaterOrEqual", "greater_equal"),
        _onnx_form("Less", "less"),
        _onnx_form("LessOrEqual", "less_equal"),
        _onnx_form("Xor", "not_equal"),
    ),
    own=NO_OWN_FORM,
    real=real,
    constants=alike(fixed_point),
    quantized=pairs_step,
    float32=lambda network, node, rule: as_they_stand(real)(network, node),
    plain=as_they_stand(real),
    macs=no_macs,
    unit="host",
)
