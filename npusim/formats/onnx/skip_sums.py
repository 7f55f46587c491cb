"""LayerNormalization of a sum, which onnxruntime makes one operator that adds in another order.

Where nothing else reads the sum and both of its parts have its shape [N S C], it becomes a
SkipLayerNormalization. Source: onnxruntime 1.31, core/optimizer/skip_layer_norm_fusion.cc.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from npusim.formats.onnx.nodes import OnnxNode


def normalized_sums(nodes: Sequence[OnnxNode], outputs: Collection[str]) -> list[OnnxNode]:
    """Return the nodes, those marked that become one with the sum they read if its parts suit."""
    readers = Counter(name for node in nodes for name in node.inputs)
    readers.update(outputs)
    sums = {node.outputs[0] for node in nodes if (node.domain, node.kind) == ("", "Add")}

    def is_skip(node: OnnxNode) -> bool:
        x = node.input(0)
        kind = (node.domain, node.kind) == ("", "LayerNormalization")
        return kind and x in sums and readers[x] == 1 and len([*filter(None, node.outputs)]) == 1

    mark = {"sums": "running_if_alike"}
    return [
        replace(node, domain="npusim.fused", attributes=node.attributes | mark)
        if is_skip(node)
        else node
        for node in nodes
    ]
