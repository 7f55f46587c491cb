"""Functions written out: those that a file defines, and operators that ONNX defines by others.

An operator that npusim has no page for, and that ONNX's schema gives a body for, becomes its body.
onnxruntime does the same where it has no kernel of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import onnx
import onnx.inliner

from npusim.formats.own.functions import DOMAIN

DEEPEST = 4
"""Bodies hold operators that are functions again; none of ONNX's nests deeper."""


LOOPS = ("BlackmanWindow", "HammingWindow", "HannWindow", "Range")
"""Operators whose bodies are loops: they are evaluated where what they read is constant."""


def written_out(model: onnx.ModelProto, known: Collection[tuple[str, str]]) -> onnx.ModelProto:
    """Return `model` without calls of functions, but for operators (domain, type) that are `known`.

    npusim's own functions stay: their bodies are for other runtimes. A model that onnx cannot write
    out stays as it is: what it calls is then refused by name.
    """
    try:
        if {function.domain for function in model.functions} - {DOMAIN}:
            model = onnx.inliner.inline_local_functions(model)
        for _ in range(DEEPEST):
            called = sorted(set(_defined(model)) - set(known))
            if not called:
                break
            model = onnx.inliner.inline_selected_functions(
                model, called, inline_schema_functions=True
            )
    except (RuntimeError, ValueError):  # damaged, or beyond what a protobuf can hold
        return model
    return model


def _defined(model: onnx.ModelProto) -> Iterator[tuple[str, str]]:
    """Return the operators of the standard domain in `model` that ONNX defines by others.

    Their nodes get the attributes that they leave to the defaults: a body has no defaults.
    """
    version = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type in LOOPS:
            continue
        try:
            schema = onnx.defs.get_schema(node.op_type, version, "")
        except (onnx.defs.SchemaError, TypeError):  # no such operator; a damaged name
            continue
        kinds = ("has_function", "has_context_dependent_function")
        if any(getattr(schema, kind) for kind in kinds) and not _has_graphs(schema):
            given = {attribute.name for attribute in node.attribute}
            for name, attribute in schema.attributes.items():
                if name not in given and attribute.default_value.name:
                    node.attribute.append(attribute.default_value)
            yield "", node.op_type


def _has_graphs(schema: Any) -> bool:
    """Return whether the body loops or branches, as Range's, whose result is a constant or none."""
    nodes = schema.function_body.node if schema.has_function else ()
    return any(a.type == onnx.AttributeProto.GRAPH for node in nodes for a in node.attribute)
