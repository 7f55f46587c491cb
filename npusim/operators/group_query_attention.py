"""group_query_attention: attention whose keys and values serve groups of heads, behind a past.

    present = past[: seen] with the new keys (values) behind it
    y       = Softmax(mask(softcap(q k^T scale) + bias)) v        for each head, over places 0 .. s

Queries and keys are turned by the tables of a rotary embedding first, where the node says so. Sums
are of float64; onnxruntime's are of float32, and differ in the last places. Source: onnxruntime
1.31, contrib_ops/cpu/bert/gqa_attention_base.h and group_query_attention.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page
from npusim.operators.page import Step
from npusim.words import Rule

QUERY, KEY, VALUE, PAST_KEY, PAST_VALUE, LAST, TOTAL, COSINES, SINES, PLACES, BIAS = range(11)
"""Places of the node's inputs; LAST holds each sample's last place."""
KNOWN = (
    "num_heads", "kv_num_heads", "scale", "softcap", "local_window_size", "do_rotary",
    "rotary_interleaved", "smooth_softmax", "qk_output",
)  # fmt: skip


@dataclass(frozen=True)
class GroupQueryAttention(Operator):
    """Queries [N S H*D], keys and values [N S G*D] ... -> y [N S H*D], keys and values [N G T D].

    Attributes
    ----------
    places
        Which of the node's inputs are there; without KEY the queries hold all three.
    total
        T, the length of what is kept, at least.
    scale
        Of scores; 0 for 1 / sqrt(D).
    window
        How many places a query sees, its own the last of them; -1 for all.
    interleaved
        Whether a turned pair stands side by side, else half of D apart.
    """

    places: tuple[int, ...]
    heads: int
    groups: int
    total: int
    scale: float = 0.0
    softcap: float = 0.0
    window: int = -1
    interleaved: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return len(self.places), len(self.places)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        shapes = dict(zip(self.places, inputs, strict=True))
        pairs = (KEY, VALUE), (PAST_KEY, PAST_VALUE), (COSINES, SINES)
        halves = [pair for pair in pairs if (pair[0] in shapes) != (pair[1] in shapes)]
        if halves or not {QUERY, LAST} <= shapes.keys():
            raise ShapeError("queries, last places, or one of a pair of inputs are missing")
        query = shapes[QUERY]
        packed = 0 if KEY in shapes else 2 * self.groups
        if len(query) != 3 or query[2] % (self.heads + packed) or self.heads % self.groups:
            raise ShapeError(f"{self.heads} heads in {self.groups} groups do not fit {list(query)}")
        size = query[2] // (self.heads + packed)
        past = shapes.get(PAST_KEY, (query[0], self.groups, 0, size))
        new = (*query[:2], self.groups * size)
        tables = shapes.get(COSINES, (self.total, size // 2))
        fits = {
            KEY: shapes.get(KEY) == new,
            VALUE: shapes.get(VALUE) == new,
            PAST_KEY: len(past) == 4 and (*past[:2], past[3]) == (query[0], self.groups, size),
            PAST_VALUE: shapes.get(PAST_VALUE) == past,
            LAST: prod(shapes[LAST]) == query[0],
            COSINES: len(tables) == 2 and tables[0] >= self.total and 2 * tables[1] <= size,
            SINES: shapes.get(SINES) == tables,
            PLACES: shapes.get(PLACES) == query[:2],
            BIAS: self._suits(shapes.get(BIAS, ()), query),
        }
        for place, shape in shapes.items():
            if not fits.get(place, True):
                raise ShapeError(f"input {place} of {list(shape)} does not fit {list(query)}")
        kept = (query[0], self.groups, max(self.total, past[2]), size)
        return ((*query[:2], self.heads * size), kept, kept)

    def _suits(self, bias: Shape, query: Shape) -> bool:
        if len(bias) != 4 or bias[0] not in (1, query[0]) or bias[1] not in (1, self.heads):
            return False
        return bias[2] >= query[1] and bias[3] >= self.total

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def single(operator: GroupQueryAttention, *inputs: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return the outputs in the queries' type."""
    given = dict(zip(operator.places, inputs, strict=True))
    q, k, v = _heads(operator, given)
    dtype, (samples, steps, size) = q.dtype, (q.shape[0], q.shape[2], q.shape[3])
    past = given.get(PAST_KEY)
    length = max(operator.total, 0 if past is None else past.shape[2])
    keys, values = (np.zeros((samples, operator.groups, length, size), dtype) for _ in "kv")
    y = np.empty(q.shape, dtype)
    lengths = given[LAST].ravel().astype(np.int64) + 1
    if (lengths > length).any() or (lengths < 1).any():
        raise RangeError(f"a last place {lengths.max() - 1} is outside {length} places")
    for n in range(samples):
        seen = 0 if operator.total == steps else max(int(lengths[n]) - steps, 0)
        end = seen + steps
        if COSINES in given:
            at = given[PLACES][n] if PLACES in given else np.arange(seen, end)
            if not ((at >= 0) & (at < len(given[COSINES]))).all():
                raise RangeError(f"place {at.max()} is outside tables of {len(given[COSINES])}")
            tables = (given[COSINES][at], given[SINES][at])
            q[n], k[n] = (_turned(x[n], *tables, operator.interleaved) for x in (q, k))
        for kept, place, new in ((keys, PAST_KEY, k), (values, PAST_VALUE, v)):
            if place in given:
                kept[n, :, :seen] = given[place][n, :, :seen]
            kept[n, :, seen:end] = new[n]
        bias = given[BIAS][n % len(given[BIAS])] if BIAS in given else None
        y[n] = _attended(operator, q[n], keys[n, :, :end], values[n, :, :end], seen, bias)
    return y.transpose(0, 2, 1, 3).reshape(samples, steps, -1), keys, values


def _heads(operator: GroupQueryAttention, given: dict[int, NDArray]) -> list[NDArray]:
    """Return queries, keys and values as [N heads S D], copies."""
    query = given[QUERY]
    counts = (operator.heads, operator.groups, operator.groups)
    if KEY in given:
        parts = [query, given[KEY], given[VALUE]]
    else:
        size = query.shape[2] // sum(counts)
        parts = np.split(query, [size * counts[0], size * (counts[0] + counts[1])], axis=2)
    shapes = [(*query.shape[:2], count, -1) for count in counts]
    apart = [x.reshape(shape) for x, shape in zip(parts, shapes, strict=True)]
    return [np.ascontiguousarray(x.transpose(0, 2, 1, 3)) for x in apart]


def _turned(x: NDArray, cosines: NDArray, sines: NDArray, interleaved: bool) -> NDArray:
    """Return x [heads S D] with its pairs turned by tables [S half]; what is behind them stays."""
    half = cosines.shape[1]
    y = x.copy()
    first, second = (
        (slice(0, 2 * half, 2), slice(1, 2 * half, 2))
        if interleaved
        else (slice(0, half), slice(half, 2 * half))
    )
    a, b = x[..., first], x[..., second]
    y[..., first], y[..., second] = a * cosines - b * sines, a * sines + b * cosines
    return y


def _attended(
    operator: GroupQueryAttention,
    q: NDArray,
    keys: NDArray,
    values: NDArray,
    seen: int,
    bias: NDArray | None,
) -> NDArray:
    """Return the heads [H S D] of one sample, whose first query is at place `seen`."""
    times = operator.heads // operator.groups
    k, v = (np.repeat(x.astype(np.float64), times, 0) for x in (keys, values))
    scores = q.astype(np.float64) @ k.transpose(0, 2, 1)
    scores *= operator.scale or 1 / np.sqrt(q.shape[-1])
    if operator.softcap:
        scores = np.tanh(scores / operator.softcap) * operator.softcap
    if bias is not None:
        scores = scores + bias[..., : scores.shape[1], : scores.shape[2]]
    queries, places = seen + np.arange(q.shape[1])[:, None], np.arange(keys.shape[1])
    hidden = places > queries
    if operator.window >= 0:
        hidden |= places <= queries - operator.window
    scores = np.where(hidden, -np.inf, scores)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    y: NDArray = (shares / shares.sum(-1, keepdims=True)) @ v
    return y


def _step(network: Network, node: Node, rule: Rule) -> Step:
    operator: Any = node.operator
    return lambda threads, *inputs: single(operator, *inputs)


def _read(b: Builder, node: OnnxNode) -> None:
    where = f"{node.name} (GroupQueryAttention)"
    for name, value in node.attributes.items():
        # what quantizes the past, or changes Softmax, is never 0 where it is meant
        if name not in KNOWN and value not in (0, "", "NONE", (), -1):
            raise UnsupportedError(f"{where}: {name} is not supported")
    for name in ("smooth_softmax", "qk_output"):
        if node.integer(name, 0) > 0:
            raise UnsupportedError(f"{where}: {name} is not supported")
    total = b.integer(node, TOTAL, "total sequence length")
    turns = bool(node.integer("do_rotary", 0))
    unread = {TOTAL, *(() if turns else (COSINES, SINES, PLACES))}
    places = tuple(i for i, name in enumerate(node.inputs) if name and i not in unread)
    if places[-1] > BIAS:
        raise UnsupportedError(f"{where}: input {places[-1]} is not supported")
    operator = GroupQueryAttention(
        places, node.integer("num_heads", 1), node.integer("kv_num_heads", 1), total,
        node.number("scale", 0.0), node.number("softcap", 0.0),
        node.integer("local_window_size", -1), bool(node.integer("rotary_interleaved", 0)),
    )  # fmt: skip
    inputs = tuple(b.value(node, i) for i in places)
    outputs = tuple(
        name or b.free(f"{node.name}:output{i}")
        for i, name in enumerate((*node.outputs, "", "")[:3])
    )
    if len(node.outputs) > 3:
        raise UnsupportedError(f"{where}: output {node.outputs[3]} is not supported")
    b.emit_all(node.name, operator, inputs, outputs, (b.tensors[inputs[0]].dtype,) * 3)


PAGE = replace(
    float_page(
        GroupQueryAttention,
        (OnnxForm("GroupQueryAttention", _read, "com.microsoft"),),
        single,  # type: ignore[arg-type]
    ),
    float32=_step,
)
