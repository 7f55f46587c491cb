"""varying: what stands behind outputs whose sizes depend on values, equal to the runtimes'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import NodeProto, helper

from tests.simulator.test_tflite_subgraphs import File, Graph
from tests.simulator.tflite_builder import options

from .called_cases import BOOL, FLOAT32, INT32, equals_litert, tensor
from .litert_cases import Draw, random_layers
from .onnx_cases import Case, equals_onnxruntime, values

INT8, INT64 = schema.TensorType.INT8, schema.TensorType.INT64
NODE = helper.make_node


class Chain:
    """Nodes one behind the other on a tensor [n, columns] of which n is known only at run."""

    def __init__(self, rng: np.random.Generator, columns: int, nodes: list[NodeProto]) -> None:
        self.rng, self.columns, self.nodes = rng, columns, nodes
        self.last = "start"
        self.constants: dict[str, NDArray] = {}

    def held(self, *numbers: int) -> str:
        return self.array(np.array(numbers, np.int64))

    def array(self, data: NDArray) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = data
        return name

    def put(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(NODE(kind, [*inputs], [name], **attributes))
        return name

    def count(self) -> str:
        """Return the number of rows, computed as exporters do."""
        return self.put("Gather", self.put("Shape", self.last), self.held(0), axis=0)

    def reshape_there_and_back(self) -> str:
        target = self.put("Concat", self.held(1), self.count(), self.held(self.columns), axis=0)
        wide = self.put("Reshape", self.last, target)
        return self.put("Squeeze", wide, self.held(0))

    def flat(self) -> str:
        vector = self.put("Reshape", self.last, self.held(-1))
        return self.put("Reshape", vector, self.held(-1, self.columns))

    def twice(self) -> str:
        return self.put("Concat", self.last, self.last, axis=0)

    def with_rows(self) -> str:
        rows = values(self.rng, (2, self.columns), np.float32)
        return self.put("Concat", self.array(rows), self.last, axis=0)

    def added(self) -> str:
        row = values(self.rng, (1, self.columns), np.float32)
        return self.put("Add", self.last, self.array(row))

    def best(self) -> str:
        """Return the rows of the greatest values of column 0, but at most three."""
        count = self.put("Min", self.count(), self.held(3))
        first = self.put("Gather", self.last, self.array(np.array(0)), axis=1)
        self.nodes.append(NODE("TopK", [first, count], [f"v{count}", f"i{count}"]))
        return self.put("Gather", self.last, f"i{count}", axis=0)

    def first_half(self) -> str:
        end = self.put("Div", self.count(), self.held(2))
        return self.put("Slice", self.last, self.held(0), end, self.held(0))

    def all_but_ends(self) -> str:
        return self.put("Slice", self.last, self.held(1), self.held(-1), self.held(0))

    def multiplied(self) -> str:
        weights = values(self.rng, (self.columns, 4), np.float32)
        self.columns = 4
        return self.put("MatMul", self.last, self.array(weights))

    def chosen_again(self) -> str:
        """Return the rows whose sum is above 0."""
        total = self.put("ReduceSum", self.last, self.held(1), keepdims=0)
        zero = self.array(np.array(0, np.float32))
        places = self.put("NonZero", self.put("Greater", total, zero))
        return self.put("Gather", self.last, self.put("Squeeze", places, self.held(0)), axis=0)

    def numbered(self) -> str:
        """Return each value and its row's number together."""
        count = self.put("Squeeze", self.count())
        zero, one = (self.array(np.array(n)) for n in (0, 1))
        numbers = self.put("Cast", self.put("Range", zero, count, one), to=1)
        return self.put("Add", self.last, self.put("Unsqueeze", numbers, self.held(1)))

    def expanded(self) -> str:
        shape = self.put("Concat", self.held(2), self.count(), self.held(self.columns), axis=0)
        return self.put("ReduceMax", self.put("Expand", self.last, shape), self.held(0), keepdims=0)

    def tiled(self) -> str:
        return self.put("Tile", self.last, self.held(2, 1))

    def reduced(self) -> str:
        kinds = ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd")
        return self.put(kinds[self.rng.integers(5)], self.last, self.held(0), keepdims=1)

    def softmax(self) -> str:
        return self.put("Softmax", self.last, axis=1)

    def turned(self) -> str:
        turned = self.put("Transpose", self.last, perm=[1, 0])
        return self.put("Transpose", self.put("Relu", turned), perm=[1, 0])

    def filled(self) -> str:
        shape = self.put("Shape", self.last)
        ones = helper.make_tensor("one", 1, [1], [1.0])
        return self.put("Sub", self.last, self.put("ConstantOfShape", shape, value=ones))

    def split_up(self) -> str:
        target = self.put("Concat", self.count(), self.held(self.columns, 1, 1), axis=0)
        image = self.put("Reshape", self.last, target)
        chosen = self.rng.integers(0, self.columns, 3)  # one each: no order of a sum shows
        weights = np.eye(self.columns, dtype=np.float32)[chosen].reshape(3, self.columns, 1, 1)
        image = self.put("Conv", image, self.array(weights))
        self.columns = 3
        return self.put("Flatten", image)


STEPS: tuple[Callable[[Chain], str], ...] = (
    Chain.reshape_there_and_back,
    Chain.flat,
    Chain.twice,
    Chain.with_rows,
    Chain.added,
    Chain.best,
    Chain.first_half,
    Chain.all_but_ends,
    Chain.multiplied,
    Chain.chosen_again,
    Chain.numbered,
    Chain.expanded,
    Chain.tiled,
    Chain.reduced,
    Chain.softmax,
    Chain.turned,
    Chain.filled,
    Chain.split_up,
)


def _random(rng: np.random.Generator) -> Case:
    rows, columns = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    mask = rng.random(rows) < rng.choice([0.1, 0.5, 1])
    inputs = {"x": values(rng, (rows, columns), np.float32), "mask": mask}
    chain = Chain(rng, columns, [NODE("Compress", ["x", "mask"], ["start"], axis=0)])
    if rng.integers(2):
        boxes = rng.uniform(0, 1, (1, rows, 4)).astype(np.float32)
        inputs = {"x": inputs["x"], "boxes": boxes, "scores": rng.random((1, 2, rows), np.float32)}
        chain.nodes = []
        limits = [chain.held(4), *(chain.array(np.array(n, np.float32)) for n in (0.2, 0.5))]
        found = chain.put("NonMaxSuppression", "boxes", "scores", *limits)
        places = chain.put("Gather", found, chain.array(np.array(2)), axis=1)
        chain.last = chain.put("Gather", "x", places, axis=0)
    for _ in range(int(rng.integers(1, 5))):
        chain.last = STEPS[rng.integers(len(STEPS))](chain)
    outputs = {chain.last: np.float32}
    if rng.integers(2):
        outputs |= {chain.count(): np.int64}
    return chain.nodes, inputs, chain.constants, outputs


test_equals_onnxruntime = equals_onnxruntime(_random)


class TfliteChain:
    """The same in a .tflite file, on float32 or int8 rows [n, columns]."""

    def __init__(self, draw: Draw, columns: int, kind: int) -> None:
        self.draw, self.columns, self.kind = draw, columns, kind
        self.file = File()
        self.graph = Graph(self.file)

    def fixed(self, *numbers: int) -> int:
        return tensor(self.graph, (len(numbers),), INT32, np.array(numbers, np.int32))

    def scalar(self, number: int) -> int:
        return tensor(self.graph, (), INT32, np.array(number, np.int32))

    def rows(self) -> int:
        return tensor(self.graph, (1, self.columns), self.kind)

    def put(self, kind: str, inputs: list[int], y: int | None = None, **fields: Any) -> int:
        y = self.rows() if y is None else y
        name = fields.pop("table", None)
        self.graph.add(kind, inputs, [y], options(name, **fields) if name else None)
        return y

    def number(self, rank: int = 0) -> int:
        return tensor(self.graph, (1,) * rank, INT32)

    def count(self) -> int:
        shape = self.put("SHAPE", [self.last], self.number(1), table="ShapeOptions", outType=2)
        ends = [self.fixed(0), self.fixed(1), self.fixed(1)]
        return self.put(
            "STRIDED_SLICE", [shape, *ends], self.number(),
            table="StridedSliceOptions", shrinkAxisMask=1,
        )  # fmt: skip

    def packed(self, *parts: int) -> int:
        y = tensor(self.graph, (len(parts),), INT32)
        return self.put("PACK", [*parts], y, table="PackOptions", valuesCount=len(parts), axis=0)

    def reshaped(self) -> int:
        target = self.packed(self.scalar(1), self.count(), self.scalar(self.columns))
        wide = tensor(self.graph, (1, 1, self.columns), self.kind)
        self.put("RESHAPE", [self.last, target], wide)
        return self.put("SQUEEZE", [wide], table="SqueezeOptions", squeezeDims=[0])

    def flat(self) -> int:
        vector = tensor(self.graph, (1,), self.kind)
        self.put("RESHAPE", [self.last, self.fixed(-1)], vector)
        return self.put("RESHAPE", [vector, self.fixed(-1, self.columns)])

    def twice(self) -> int:
        return self.put("CONCATENATION", [self.last] * 2, table="ConcatenationOptions", axis=0)

    def relu(self) -> int:
        return self.put("RELU", [self.last])

    def tiled(self) -> int:
        return self.put("TILE", [self.last, self.packed(self.scalar(2), self.scalar(1))])

    def expanded(self) -> int:
        wide = tensor(self.graph, (1, 1, self.columns), self.kind)
        self.put("EXPAND_DIMS", [self.last, self.scalar(0)], wide)
        return self.put("SQUEEZE", [wide], table="SqueezeOptions", squeezeDims=[0])

    def first(self) -> int:
        half = self.put(
            "FLOOR_DIV", [self.count(), self.scalar(2)], self.number(), table="FloorDivOptions"
        )
        one = self.put(
            "MAXIMUM", [half, self.scalar(1)], self.number(), table="MaximumMinimumOptions"
        )
        ends = [self.fixed(0, 0), self.packed(one, self.scalar(self.columns)), self.fixed(1, 1)]
        return self.put("STRIDED_SLICE", [self.last, *ends], table="StridedSliceOptions")

    def turned(self) -> int:
        turned = tensor(self.graph, (self.columns, 1), self.kind)
        self.put("TRANSPOSE", [self.last, self.fixed(1, 0)], turned)
        return self.put("TRANSPOSE", [turned, self.fixed(1, 0)])

    def numbered(self) -> int:
        """Return the rows in another order: the last first."""
        ends = [self.scalar(0), self.count(), self.scalar(1)]
        places = self.put("RANGE", ends, self.number(1), table="RangeOptions")
        back = self.put("REVERSE_V2", [places, self.fixed(0)], self.number(1))
        return self.put("GATHER", [self.last, back], table="GatherOptions", axis=0)

    def multiplied(self) -> int:
        """Return a fully connected layer of integers, or of floats of which each sum is exact."""
        shape = (3, self.columns)
        if self.kind == FLOAT32:
            data = self.draw.rng.integers(-2, 3, shape).astype(np.float32)
        else:
            data = self.draw.rng.integers(-127, 128, shape).astype(np.int8)
        weights = tensor(self.graph, shape, self.kind, data)
        if self.kind != FLOAT32:
            self.graph.record.tensors[weights].quantization.zeroPoint = np.array([0], np.int64)
        self.columns = 3
        return self.put(
            "FULLY_CONNECTED", [self.last, weights, -1], table="FullyConnectedOptions",
            keepNumDims=True,
        )  # fmt: skip

    def added_up(self) -> int:
        kind = "SUM" if self.kind == FLOAT32 else "REDUCE_MAX"
        return self.put(kind, [self.last, self.fixed(0)], table="ReducerOptions", keepDims=True)


TFLITE_STEPS: tuple[Callable[[TfliteChain], int], ...] = (
    TfliteChain.reshaped,
    TfliteChain.flat,
    TfliteChain.twice,
    TfliteChain.relu,
    TfliteChain.tiled,
    TfliteChain.expanded,
    TfliteChain.first,
    TfliteChain.turned,
    TfliteChain.numbered,
    TfliteChain.multiplied,
    TfliteChain.added_up,
)


@random_layers
def test_equals_litert(draw: Draw) -> None:
    kind = draw.pick([FLOAT32, INT8])
    count, columns = draw.between(1, 8), draw.between(1, 4)
    chain = TfliteChain(draw, columns, kind)
    mask = tensor(chain.graph, (count,), BOOL)
    x = tensor(chain.graph, (count, columns), kind)
    places = chain.put("WHERE", [mask], tensor(chain.graph, (1, 1), INT64))
    chain.last = chain.put("GATHER_ND", [x, places], table="GatherNdOptions")
    for _ in range(draw.between(1, 4)):
        chain.last = draw.pick(TFLITE_STEPS)(chain)
    chain.graph.ends([mask, x], [chain.last])
    chosen = draw.rng.random(count) < draw.pick([0.1, 0.5, 1])
    chosen[draw.between(0, count - 1)] = True
    if kind == FLOAT32:
        data = draw.rng.integers(-8, 9, (count, columns)).astype(np.float32)
    else:
        data = draw.rng.integers(-128, 128, (count, columns)).astype(np.int8)
    equals_litert(chain.file, [chosen, data])
