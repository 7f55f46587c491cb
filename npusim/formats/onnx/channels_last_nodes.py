"""Channels-last operators that onnxruntime's optimizer leaves in files, between two Transposes.

A session at its default level saves integer convolutions and pools as com.microsoft's, which take
[N spatial... C] where ONNX's own take [N C spatial...]; weights are the same in both. Source:
onnxruntime 1.31, core/optimizer/nhwc_transformer.cc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from npusim.formats.onnx.nodes import OnnxNode
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.transpose import Transpose

MICROSOFT = "com.microsoft"
LAST, FLAG = "NhwcMaxPool", "channels_last"
"""The operator that is channels last by its name, and the attribute of the others."""
OTHER_FORM = {
    (MICROSOFT, LAST): ("", "MaxPool"),
    (MICROSOFT, "QLinearAveragePool"): (MICROSOFT, "QLinearAveragePool"),
    (MICROSOFT, "QLinearConv"): ("", "QLinearConv"),
    (MICROSOFT, "QLinearGlobalAveragePool"): (MICROSOFT, "QLinearGlobalAveragePool"),
}
"""Domain and type of the same operator on channels first."""


def is_other_form(node: OnnxNode) -> bool:
    """Return whether the node is read by way of the operator on channels first."""
    is_last = node.kind == LAST or bool(node.integer(FLAG, 0))
    return (node.domain, node.kind) in OTHER_FORM and (is_last or node.kind == "QLinearConv")


def read(b: Builder, node: OnnxNode, translate: Callable[[OnnxNode], None]) -> None:
    """Append what the node means; `translate` reads the same on channels first."""
    domain, kind = OTHER_FORM[node.domain, node.kind]
    attributes = dict(node.attributes)
    is_last = attributes.pop(FLAG, 0) or node.kind == LAST
    same = replace(node, domain=domain, kind=kind, attributes=attributes)
    if not is_last:
        translate(same)
        return
    x = b.value(node, 0)
    rank = len(b.shape(x))
    first = b.free(f"{x}:channels_first")
    b.emit(
        f"{node.name}:channels_first", Transpose((0, rank - 1, *range(1, rank - 1))), (x,), first
    )
    y = b.free(f"{node.outputs[0]}:channels_first")
    translate(replace(same, inputs=(first, *node.inputs[1:]), outputs=(y, *node.outputs[1:])))
    order = Transpose((0, *range(2, rank), 1))
    b.emit(f"{node.name}:channels_last", order, (y,), node.outputs[0])
