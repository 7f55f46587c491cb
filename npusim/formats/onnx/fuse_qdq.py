"""Joining integer operators out of DequantizeLinear (DQ) - operator - QuantizeLinear (Q).

A QDQ file means float arithmetic between DQ and Q; onnxruntime replaces most of it by integer
operators, and so does npusim, in the same form:

* Q moves up over operators that only move values, or keep their order (Reshape, Transpose,
  MaxPool, Relu, Clip, ...): Q(f(x)) = f(Q(x)) exactly, because Q is monotone;
* DQ moves down over Split and Slice likewise;
* DQ then Q with one scale and zero point is the identity; with two it is one requantization;
* DQ - Conv, Gemm, MatMul, Add, Mul, pool, Softmax, Concat - Q becomes the QLinear operator.

What is left between a DQ and a Q stays float, as it does in onnxruntime (ReduceMean, for one).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from npusim.formats.onnx.records import OnnxGraph, OnnxNode

FUSED = "npusim.fused"
"""Domain of the nodes made here that no ONNX operator expresses."""

MICROSOFT = "com.microsoft"

MOVING = ("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice", "MaxPool")
"""Operators that commute with a monotone function of every element."""

CLAMPS = ("Relu", "Clip")

UNARY = {
    "AveragePool": "QLinearAveragePool",
    "GlobalAveragePool": "QLinearGlobalAveragePool",
    "Softmax": "QLinearSoftmax",
}
BINARY = {"Add": "QLinearAdd", "Mul": "QLinearMul"}
LINEAR = ("Conv", "Gemm", "MatMul")
CLAMPED = ("QLinearConv", "QGemm", "QLinearMatMul", "QLinearAdd", "QLinearMul")
"""Integer operators that take a Relu or Clip behind them into their own saturation."""


def fuse(graph: OnnxGraph) -> tuple[list[OnnxNode], list[str]]:
    """Return the nodes with integer operators in place of QDQ groups, and notes that say so."""
    if not any(node.kind == "DequantizeLinear" for node in graph.nodes):
        return list(graph.nodes), []
    work = _Fusion(graph)
    work.raise_quantize()
    work.lower_dequantize()
    work.join_pairs()
    work.fuse_operators()
    work.fuse_clamps()
    work.rename_identities()
    work.drop_unused()
    return work.nodes, work.notes()


@dataclass(frozen=True)
class _Parameters:
    """Scale and zero point of a Q or DQ: names of constants, and what they hold."""

    scale: str
    zero_point: str
    value: tuple[bytes, bytes, str]


class _Fusion:
    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph
        self.nodes = list(graph.nodes)
        self.outputs = set(graph.outputs)
        self.fused: Counter[str] = Counter()
        self.index()

    def index(self) -> None:
        """Recompute who produces and who reads each value."""
        self.producer = {name: node for node in self.nodes for name in node.outputs if name}
        self.readers: dict[str, list[OnnxNode]] = {}
        for node in self.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)

    def parameters(self, node: OnnxNode) -> _Parameters | None:
        """Return what a Q or DQ is, None where it is not per tensor with constants."""
        constants = self.graph.constants
        scale, zero_point = node.input(1), node.input(2)
        if scale not in constants or (zero_point and zero_point not in constants):
            return None
        s = constants[scale].astype(np.float32)
        z = constants[zero_point] if zero_point else np.zeros((), np.uint8)
        if s.size != 1 or z.size != 1 or node.integer("block_size", 0):
            return None
        return _Parameters(scale, zero_point, (s.tobytes(), z.tobytes(), z.dtype.name))

    def quantize(self, node: OnnxNode) -> _Parameters | None:
        """Return the parameters where `node` is a Q, else None."""
        return self.parameters(node) if node.kind == "QuantizeLinear" else None

    def dequantize(self, name: str) -> tuple[OnnxNode, _Parameters] | None:
        """Return the DQ that made the float value `name`, with its parameters."""
        node = self.producer.get(name)
        if node is None or node.kind != "DequantizeLinear":
            return None
        found = self.parameters(node)
        return None if found is None else (node, found)

    def only_reader(self, name: str) -> OnnxNode | None:
        """Return the one node that reads `name`, None where there are more or it is an output."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def free(self, name: str) -> str:
        """Return `name`, or `name` with a number where the graph has it already."""
        number, found = 2, name
        while found in self.producer or found in self.readers or found in self.graph.constants:
            found, number = f"{name}:{number}", number + 1
        return found

    def substitute(self, changes: dict[int, list[OnnxNode]]) -> None:
        """Replace nodes, found by identity, by lists of nodes."""
        self.nodes = [new for node in self.nodes for new in changes.get(id(node), [node])]
        self.index()

    def raise_quantize(self) -> None:
        """Move every Q up over the operators it commutes with."""
        moved = True
        while moved:
            moved = False
            for q in reversed(self.nodes):
                over = self.producer.get(q.inputs[0]) if q.inputs else None
                if self.quantize(q) is None or over is None or over.domain:
                    continue
                if self.only_reader(q.inputs[0]) is not q or not self._commutes(over):
                    continue
                middle = self.free(f"{over.inputs[0]}:quantized")
                first = replace(
                    q, inputs=(over.inputs[0], *q.inputs[1:]),
                    outputs=(middle,),
                )  # fmt: skip
                domain = FUSED if over.kind in CLAMPS else ""
                second = replace(
                    over, domain=domain, inputs=(middle, *over.inputs[1:]), outputs=q.outputs
                )
                self.substitute({id(over): [first, second], id(q): []})
                moved = True
                break

    def _commutes(self, node: OnnxNode) -> bool:
        constants = all(name in self.graph.constants for name in node.inputs[1:] if name)
        return (
            constants
            and node.kind in (*MOVING, *CLAMPS)
            and len(node.outputs) == 1
            and node.inputs[0] not in self.graph.constants
        )

    def lower_dequantize(self) -> None:
        """Move DQ down over Split and the like where a Q waits behind."""
        for node in list(self.nodes):
            if node.kind not in ("Split", *MOVING) or node.domain:
                continue
            found = self.dequantize(node.inputs[0])
            behind = [reader for name in node.outputs for reader in self.readers.get(name, [])]
            if found is None or not any(self.quantize(reader) for reader in behind):
                continue
            dq = found[0]
            if dq.inputs[0] in self.graph.constants:
                continue
            integers = tuple(self.free(f"{name}:quantized") for name in node.outputs)
            moved = replace(node, inputs=(dq.inputs[0], *node.inputs[1:]), outputs=integers)
            after = [
                replace(dq, name=f"{dq.name}:{i}", inputs=(q, *dq.inputs[1:]), outputs=(name,))
                for i, (q, name) in enumerate(zip(integers, node.outputs, strict=True))
            ]
            self.substitute({id(node): [moved, *after]})

    def join_pairs(self) -> None:
        """Make DQ - Q an identity, or one requantization."""
        changes: dict[int, list[OnnxNode]] = {}
        for q in self.nodes:
            to = self.quantize(q)
            found = self.dequantize(q.inputs[0]) if to is not None else None
            if to is None or found is None or found[0].inputs[0] in self.graph.constants:
                continue
            dq, of = found
            if of.value == to.value:
                new = OnnxNode(q.name, "", "Identity", dq.inputs[:1], q.outputs)
            else:
                inputs = (dq.inputs[0], of.scale, of.zero_point, to.scale, to.zero_point)
                new = OnnxNode(q.name, FUSED, "Requantize", inputs, q.outputs)
            changes[id(q)] = [new]
        self.substitute(changes)

    def fuse_operators(self) -> None:
        """Replace DQ - operator - Q by the QLinear operator."""
        changes: dict[int, list[OnnxNode]] = {}
        for node in self.nodes:
            if node.domain or len(node.outputs) != 1:
                continue
            q = self.only_reader(node.outputs[0])
            to = self.quantize(q) if q is not None else None
            if q is None or to is None or to.value[2] not in ("int8", "uint8"):
                continue
            new = self._fused(node, q, to)
            if new is not None:
                changes[id(q)], changes[id(node)] = [new], []
                self.fused[f"{node.kind} to {new.kind}"] += 1
        self.substitute(changes)

    def _fused(self, node: OnnxNode, q: OnnxNode, to: _Parameters) -> OnnxNode | None:
        target = (to.scale, to.zero_point)
        if node.kind in LINEAR:
            return self._fused_linear(node, q, target)
        if node.kind not in (*UNARY, *BINARY, "Concat"):
            return None
        triples: list[str] = []
        for name in node.inputs:
            found = self.dequantize(name)
            if found is None or found[1].value[2] != to.value[2]:
                return None
            triples += [found[0].inputs[0], found[1].scale, found[1].zero_point]
        kind = {**UNARY, **BINARY, "Concat": "QLinearConcat"}[node.kind]
        inputs = (*target, *triples) if node.kind == "Concat" else (*triples, *target)
        attributes = dict(node.attributes)
        if node.kind == "Softmax":
            attributes["opset"] = self.graph.opset
        return OnnxNode(node.name, MICROSOFT, kind, inputs, q.outputs, attributes)

    def _fused_linear(
        self, node: OnnxNode, q: OnnxNode, target: tuple[str, str]
    ) -> OnnxNode | None:
        x, weights = self.dequantize(node.input(0)), self.producer.get(node.input(1))
        if x is None or weights is None or weights.kind != "DequantizeLinear":
            return None
        if x[1].value[2] not in ("int8", "uint8") or not self._weights_fit(node, weights):
            return None
        if node.kind == "Gemm" and (
            node.number("beta", 1.0) != 1.0 or node.number("alpha", 1.0) != 1.0
            or node.integer("transA", 0)
        ):  # fmt: skip
            return None
        left = (x[0].inputs[0], x[1].scale, x[1].zero_point)
        right = (weights.input(0), weights.input(1), weights.input(2))
        bias: tuple[str, ...] = ()
        if node.input(2):
            name = self._bias(node, x[1].scale, weights.input(1))
            if name is None:
                return None
            bias = (name,)
        if node.kind == "Conv":
            inputs = (*left, *right, *target, *bias)
            return OnnxNode(node.name, "", "QLinearConv", inputs, q.outputs, node.attributes)
        if node.kind == "MatMul":
            inputs = (*left, *right, *target)
            return OnnxNode(node.name, "", "QLinearMatMul", inputs, q.outputs)
        inputs = (*left, *right, *(bias or ("",)), *target)
        return OnnxNode(node.name, MICROSOFT, "QGemm", inputs, q.outputs, node.attributes)

    def _weights_fit(self, node: OnnxNode, dq: OnnxNode) -> bool:
        """Return whether a DQ holds int8 or uint8 weights scaled per tensor or output channel."""
        constants = self.graph.constants
        if not all(name in constants for name in dq.inputs if name):
            return node.kind == "MatMul" and self.dequantize(dq.outputs[0]) is not None
        weights, scale = constants[dq.input(0)], constants[dq.input(1)]
        if weights.dtype.name not in ("int8", "uint8") or dq.integer("block_size", 0):
            return False
        columns = node.kind == "MatMul" or (node.kind == "Gemm" and not node.integer("transB", 0))
        along = weights.ndim - 1 if columns else 0
        return scale.size == 1 or dq.integer("axis", 1) % max(weights.ndim, 1) == along

    def _bias(self, node: OnnxNode, x_scale: str, w_scale: str) -> str | None:
        """Return the int32 bias: what its DQ holds, or a float one as onnxruntime quantizes it."""
        constants = self.graph.constants
        name = node.input(2)
        dq = self.producer.get(name)
        if dq is not None and dq.kind == "DequantizeLinear" and dq.inputs[0] in constants:
            return dq.inputs[0] if constants[dq.inputs[0]].dtype == np.int32 else None
        if name not in constants or constants[name].dtype != np.float32:
            return None
        scale = constants[x_scale].astype(np.float32) * constants[w_scale].astype(np.float32)
        if scale.size not in (1, constants[name].size):
            return None
        with np.errstate(all="ignore"):
            values = np.rint(constants[name].ravel() / scale.ravel())
        if not np.isfinite(values).all() or np.abs(values).max(initial=0) >= 1 << 31:
            return None
        integers = f"{name}:quantized_for_{node.name}"
        constants[integers] = values.astype(np.int32)
        return integers

    def fuse_clamps(self) -> None:
        """Take a Relu or Clip into the saturation of the integer operator before it."""
        changes: dict[int, list[OnnxNode]] = {}
        for node in self.nodes:
            reader = self.only_reader(node.outputs[0]) if node.outputs else None
            if node.kind not in CLAMPED or reader is None:
                continue
            if reader.domain != FUSED or reader.kind not in CLAMPS:
                continue
            low, high = self._bounds(reader)
            attributes = dict(node.attributes)
            if low is not None:
                attributes["fused_low"] = low
            if high is not None:
                attributes["fused_high"] = high
            changes[id(node)] = [replace(node, outputs=reader.outputs, attributes=attributes)]
            changes[id(reader)] = []
            self.fused[f"{reader.kind} into {node.kind}"] += 1
        self.substitute(changes)

    def _bounds(self, node: OnnxNode) -> tuple[float | None, float | None]:
        if node.kind == "Relu":
            return 0.0, None
        found: list[float | None] = []
        for index, name in ((1, "min"), (2, "max")):
            given = self.graph.constants.get(node.input(index))
            value = float(given.ravel()[0]) if given is not None else node.attributes.get(name)
            finite = isinstance(value, int | float) and np.isfinite(value)
            found.append(float(value) if finite else None)  # type: ignore[arg-type]
        return found[0], found[1]

    def rename_identities(self) -> None:
        """Drop the identities made here; the file's names of integer tensors stay."""
        while any(self._dropped(node) for node in self.nodes):
            pass

    def _dropped(self, node: OnnxNode) -> bool:
        if node.kind != "Identity" or node.domain:
            return False
        source, result = node.inputs[0], node.outputs[0]
        if ":quantized" in result:
            changes: dict[int, list[OnnxNode]] = {id(node): []}
            for reader in self.readers.get(result, []):
                inputs = tuple(source if name == result else name for name in reader.inputs)
                changes[id(reader)] = [replace(reader, inputs=inputs)]
            self.substitute(changes)
            return True
        if ":quantized" in source and self.only_reader(source) is not None:
            before = self.producer[source]
            outputs = tuple(result if name == source else name for name in before.outputs)
            self.substitute({id(before): [replace(before, outputs=outputs)], id(node): []})
            return True
        return False

    def drop_unused(self) -> None:
        """Drop nodes whose outputs nobody reads any more."""
        needed = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]
        self.index()

    def notes(self) -> list[str]:
        """Return one line for each kind of fusion, and one for what stays in float."""
        lines = [f"fused between DequantizeLinear and QuantizeLinear: {count} {what}"
                 for what, count in sorted(self.fused.items())]  # fmt: skip
        floating = [
            f"{node.name} ({node.kind})"
            for node in self.nodes
            if node.kind != "DequantizeLinear"
            and any(self.dequantize(name) is not None for name in node.inputs)
        ]
        if floating:
            lines.append(f"kept in float, as onnxruntime does: {', '.join(floating)}")
        return lines
