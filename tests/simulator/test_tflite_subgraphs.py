"""Files of several subgraphs: variables, first values, calls; LiteRT is the witness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from npusim.engines.engine import run
from npusim.errors import FormatError, UnsupportedError
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import litert
from tests.simulator.tflite_builder import options

STEPS = 100
STREAMING = (
    "alexa", "okay_nabu", "v2__alexa", "v2__experiments__okay_computer", "v2__hey_jarvis",
    "v2__okay_nabu", "v2__vad",
)  # fmt: skip


class Graph:
    """A subgraph under construction: tensors and operators by the order of their making."""

    def __init__(self, file: File) -> None:
        self.file, self.record = file, schema.SubGraphT()
        self.record.tensors, self.record.operators = [], []
        file.model.subgraphs.append(self.record)

    def tensor(self, data: np.ndarray | None = None, kind: int = schema.TensorType.INT8) -> int:
        tensor = schema.TensorT()
        tensor.name = f"{len(self.file.model.subgraphs)}:{len(self.record.tensors)}".encode()
        tensor.type, tensor.buffer = kind, 0
        if kind != schema.TensorType.RESOURCE:
            shape = (1, 4) if data is None else data.shape
            tensor.shape = np.array(shape, np.int32)
        if kind == schema.TensorType.INT8:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.array([0.5], np.float32)
            tensor.quantization.zeroPoint = np.array([3], np.int64)
        if data is not None:
            tensor.buffer = len(self.file.model.buffers)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.file.model.buffers.append(buffer)
        self.record.tensors.append(tensor)
        return len(self.record.tensors) - 1

    def add(self, kind: str, inputs: list[int], outputs: list[int], fields: Any = None) -> None:
        operator, code = schema.OperatorT(), schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
        operator.opcodeIndex = len(self.file.model.operatorCodes)
        self.file.model.operatorCodes.append(code)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if fields is not None:
            table = type(fields).__name__.removesuffix("T")
            second = hasattr(schema.BuiltinOptions2, table)
            union = schema.BuiltinOptions2 if second else schema.BuiltinOptions
            number = "2" if second else ""
            setattr(operator, f"builtinOptions{number}", fields)
            setattr(operator, f"builtinOptions{number}Type", getattr(union, table))
        self.record.operators.append(operator)

    def variable(self, name: str) -> int:
        handle = self.tensor(kind=schema.TensorType.RESOURCE)
        self.add("VAR_HANDLE", [], [handle], options("VarHandleOptions", sharedName=name.encode()))
        return handle

    def ends(self, inputs: list[int], outputs: list[int]) -> None:
        self.record.inputs = np.array(inputs, np.int32)
        self.record.outputs = np.array(outputs, np.int32)


class File:
    """A .tflite file under construction."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version, self.model.buffers = 3, [schema.BufferT()]
        self.model.subgraphs, self.model.operatorCodes = [], []

    def content(self) -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def add_one(graph: Graph, a: int, b: int) -> int:
    y = graph.tensor()
    graph.add("ADD", [a, b], [y], options("AddOptions"))
    return y


def network(path: Path, content: bytes) -> Network:
    path.write_bytes(content)
    return load(path)


def compare(path: Path, content: bytes, count: int = 8) -> Network:
    """Hold every output of `count` steps against LiteRT; return the network."""
    net = network(path, content)
    prepared, interpreter = prepare(net, "litert"), litert(content, "ref")
    rng = np.random.default_rng(0)
    for _ in range(count):
        x = rng.integers(-20, 20, (1, 4)).astype(np.int8)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        found = prepared.run(x)
        for detail in interpreter.get_output_details():
            expected = interpreter.get_tensor(detail["index"])
            np.testing.assert_array_equal(found[f"t{detail['index']}"], expected)
    return net


def accumulator(first: bool = True, computed: bool = False) -> bytes:
    """Return y = what x and y were before; the variable is read, assigned, and read again."""
    file = File()
    graph, init = Graph(file), Graph(file)
    x, read, again = graph.tensor(), graph.tensor(), graph.tensor()
    if first:
        graph.add("CALL_ONCE", [], [], options("CallOnceOptions", initSubgraphIndex=1))
    handle = graph.variable("v")
    graph.add("READ_VARIABLE", [handle], [read], options("ReadVariableOptions"))
    total = add_one(graph, x, read)
    graph.add("ASSIGN_VARIABLE", [handle, total], [], options("AssignVariableOptions"))
    second = graph.variable("v")  # another handle of the same variable
    graph.add("READ_VARIABLE", [second], [again], options("ReadVariableOptions"))
    y = add_one(graph, again, x)
    graph.ends([x], [y, again])
    inner = init.variable("v")
    value = init.tensor(np.array([[7, -3, 0, 100]], np.int8))
    value = add_one(init, value, value) if computed else value
    init.add("ASSIGN_VARIABLE", [inner, value], [], options("AssignVariableOptions"))
    init.ends([], [])
    return file.content()


def test_variables(tmp_path: Path) -> None:
    net = compare(tmp_path / "v.tflite", accumulator())
    (state,) = net.state
    assert state.initial.tolist() == [[7, -3, 0, 100]]


def test_first_values_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="variable 'v' is read, and nothing gives it"):
        network(tmp_path / "v.tflite", accumulator(first=False))
    with pytest.raises(UnsupportedError, match="a first value, found values computed"):
        network(tmp_path / "v.tflite", accumulator(computed=True))


def test_first_values_that_follow_from_constants(tmp_path: Path) -> None:
    """A file of float16 widens its first values, as others fill them or shape them."""
    file = File()
    graph, init = Graph(file), Graph(file)
    handle = graph.variable("v")
    graph.add("CALL_ONCE", [], [], options("CallOnceOptions", initSubgraphIndex=1))
    x, old, y = (graph.tensor(None, schema.TensorType.FLOAT32) for _ in range(3))
    graph.add("READ_VARIABLE", [handle], [old], options("ReadVariableOptions"))
    graph.add("ADD", [x, old], [y], options("AddOptions"))
    graph.add("ASSIGN_VARIABLE", [handle, y], [], options("AssignVariableOptions"))
    graph.ends([x], [y])
    halves = init.tensor(np.array([[1, 2.5, -3, 0.1]], np.float16), schema.TensorType.FLOAT16)
    wide, shaped = (init.tensor(None, schema.TensorType.FLOAT32) for _ in range(2))
    init.add("DEQUANTIZE", [halves], [wide], options("DequantizeOptions"))
    init.add("RESHAPE", [wide], [shaped], options("ReshapeOptions", newShape=[1, 4]))
    init.add("ASSIGN_VARIABLE", [init.variable("v"), shaped], [], options("AssignVariableOptions"))
    init.ends([], [])
    net = network(tmp_path / "v.tflite", file.content())
    (state,) = net.state
    assert state.initial.tolist() == np.array([[1, 2.5, -3, 0.1]], np.float16).tolist()


def branches(condition: bool) -> bytes:
    """Return y = x + x where the constant condition holds, else x itself."""
    file = File()
    graph, then, other = Graph(file), Graph(file), Graph(file)
    holds = graph.tensor(np.array([condition]), schema.TensorType.BOOL)
    x, y = graph.tensor(), graph.tensor()
    taken = options("IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    graph.add("IF", [holds, x], [y], taken)
    graph.ends([x], [y])
    inside = then.tensor()
    then.ends([inside], [add_one(then, inside, inside)])
    inside = other.tensor()
    other.ends([inside], [inside])
    return file.content()


@pytest.mark.parametrize("condition", [True, False])
def test_a_constant_condition(tmp_path: Path, condition: bool) -> None:
    net = compare(tmp_path / "if.tflite", branches(condition))
    assert [node.kind for node in net.nodes] == ["Add" if condition else "Reshape"]


def composite(itself: bool = False) -> bytes:
    """Return y = (x + x) + x, by a composite whose decomposition may call itself."""
    file = File()
    graph, body = Graph(file), Graph(file)
    x, y = graph.tensor(), graph.tensor()
    call = options("StableHLOCompositeOptions", decompositionSubgraphIndex=1)
    call.name, call.compositeAttributes = b"c", []
    graph.add("STABLEHLO_COMPOSITE", [x], [y], call)
    graph.ends([x], [y])
    inside = body.tensor()
    double = body.tensor() if itself else add_one(body, inside, inside)
    if itself:
        body.add("STABLEHLO_COMPOSITE", [inside], [double], call)
    body.ends([inside], [add_one(body, double, inside)])
    return file.content()


def test_a_composite_is_its_decomposition(tmp_path: Path) -> None:
    net = compare(tmp_path / "c.tflite", composite())
    assert [node.kind for node in net.nodes] == ["Add", "Add"]
    with pytest.raises(FormatError, match="calls nest deeper"):
        network(tmp_path / "c.tflite", composite(itself=True))


@pytest.mark.shared
@pytest.mark.parametrize("name", STREAMING)
def test_keyword_networks_equal_litert_in_every_step_and_state(shared: Path, name: str) -> None:
    path = shared / "corpus" / "tflite" / f"wake_{name}.tflite"
    net = load(path)
    prepared, interpreter = prepare(net, "litert"), litert(path, "ref", every_tensor=True)
    assert net.state
    names = [*(state.value for state in net.state), *net.producer]
    rng = np.random.default_rng(1)
    shape = net.tensors[net.inputs[0]].shape
    seen = {name: set() for name in names}
    for step in range(STEPS):
        x = np.clip(rng.normal(-60, 50, shape), -128, 127).astype(np.int8)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        found = prepared.run(x, keep=names)
        for key in names:
            expected = interpreter.get_tensor(int(key[1:]))
            np.testing.assert_array_equal(found[key], expected, f"step {step}: {key}")
            seen[key].add(expected.tobytes())
    assert all(len(seen[state.value]) > STEPS // 4 for state in net.state)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["alexa", "v2__alexa"])
def test_keyword_networks_on_the_machine_equal_litert_over_steps(shared: Path, name: str) -> None:
    path = shared / "corpus" / "tflite" / f"wake_{name}.tflite"
    net, interpreter = load(path), litert(path, "ref")
    shape = net.tensors[net.inputs[0]].shape
    rng = np.random.default_rng(2)
    x = np.clip(rng.normal(-60, 50, (100, *shape[1:])), -128, 127).astype(np.int8)
    found = run(net, x, engine="machine", requant="litert")
    assert found.samples == 100
    (scores,) = found.outputs.values()
    for step, frame in enumerate(x):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frame[None])
        interpreter.invoke()
        (expected,) = (interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details())
        np.testing.assert_array_equal(scores[step : step + 1], expected, f"step {step}")
