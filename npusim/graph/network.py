"""A network: tensors and the nodes that compute them, immutable and checked when built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import npusim
from npusim.errors import FormatError, ShapeError
from npusim.graph.operator import Operator, Shape, check_inputs, output_shapes
from npusim.graph.state import State
from npusim.graph.tensor import Tensor
from npusim.remade import Remade
from npusim.words import End, FileForm

Source = Literal["tflite", "onnx", "npusim"]
"""Whose runtime defines the network's integers: LiteRT, onnxruntime, or npusim's own form."""


Group = Literal["", "joined", "joined_as_uint8", "float", "island"]
"""How an operator that its file describes in float, between Dequantize and Quantize, is computed
by the file's runtime: `joined` to an operator on the integers, `joined_as_uint8` where the runtime
first moves int8 values up by 128 and that shows, `float` in float32. `island`: npusim's quantizer
left it in float32 under every rule. Empty: it stands in the file as it is."""


@dataclass(frozen=True)
class Node:
    """One operator applied to named tensors. An absent optional input is left out."""

    name: str
    operator: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    group: Group = ""

    @property
    def kind(self) -> str:
        """The operator's name, as shown to people."""
        return self.operator.shown_name


@dataclass(frozen=True, eq=False)
class Network(Remade):
    """Nodes in execution order over `tensors`, which hold every name that a node mentions.

    Raises
    ------
    FormatError
        A node reads a tensor that nothing produced, or two nodes write one tensor.
    ShapeError
        A node's output is declared with another shape than its inputs imply.
    """

    name: str
    source: Source
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What the importer changed or fused, one line each, for people."""
    state: tuple[State, ...] = ()
    """What it keeps from sample to sample."""
    altered: tuple[str, ...] = ()
    """Nodes that the file's runtime quantizes anew, so that the file's own values are not kept."""
    steps: dict[str, Any] = field(init=False, repr=False, default_factory=dict)
    """Under each rule that was asked for: the functions that compute the nodes
    (operators/steps.py), made once."""
    producer: Mapping[str, Node] = field(init=False, repr=False)
    consumers: Mapping[str, tuple[Node, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        known = {name for name, tensor in self.tensors.items() if tensor.is_constant}
        known.update(self.inputs)
        known.update(self._checked_state(known))
        producer: dict[str, Node] = {}
        consumers: dict[str, list[Node]] = {name: [] for name in self.tensors}
        for node in self.nodes:
            for name in node.inputs:
                if name not in known:
                    raise FormatError(f"{node.name}: input {name} is produced by no earlier node")
                consumers[name].append(node)
            for name in node.outputs:
                if name in known:
                    raise FormatError(f"{node.name}: output {name} has a value already")
                if name not in self.tensors:
                    raise FormatError(f"{node.name}: output {name} is not declared")
                producer[name] = node
                known.add(name)
            inputs = [self.tensors[name] for name in node.inputs]
            check_inputs(node.name, node.operator, inputs)
            self._check_outputs(node, [tensor.shape for tensor in inputs])
        for name in (*self.outputs, *(state.update for state in self.state)):
            if name not in known:
                raise FormatError(f"{self.name}: output {name} is produced by no node")
        object.__setattr__(self, "producer", MappingProxyType(producer))
        object.__setattr__(
            self, "consumers", MappingProxyType({k: tuple(v) for k, v in consumers.items()})
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or another process needs: it makes functions of its own."""
        return vars(self) | {"steps": {}}

    def save(self, path: str | Path, *, io: End = "float", form: FileForm = "npusim") -> None:
        """Write a quantized network as ONNX, as `npusim.export` does."""
        npusim.export(self, path, io=io, form=form)

    def _checked_state(self, known: set[str]) -> list[str]:
        """Return the names of the kept values, which nothing else may give a value."""
        values: list[str] = []
        for state in self.state:
            state.check(self.tensors)
            if state.value in known or state.value in values:
                raise FormatError(f"{self.name}: state {state.value} has a value already")
            values.append(state.value)
        return values

    def functional(self) -> Network:
        """Return the network with its state as inputs, and the state's updates as outputs."""
        if not self.state:
            return self
        updates = (state.update for state in self.state)
        return replace(
            self,
            inputs=(*self.inputs, *(state.value for state in self.state)),
            outputs=tuple(dict.fromkeys((*self.outputs, *updates))),
            state=(),
        )

    def _check_outputs(self, node: Node, inputs: list[Shape]) -> None:
        expected = output_shapes(node.name, node.operator, inputs)
        if len(node.outputs) != len(expected):
            raise ShapeError(
                f"{node.name}: expected {len(expected)} outputs, found {len(node.outputs)}"
            )
        for name, shape in zip(node.outputs, expected, strict=True):
            if self.tensors[name].shape != shape:
                raise ShapeError(
                    f"{node.name}: output {name} should be {list(shape)}, "
                    f"the file declares {list(self.tensors[name].shape)}"
                )

    def inputs_of(self, node: Node) -> list[Tensor]:
        """Return the tensors that `node` reads, in order."""
        return [self.tensors[name] for name in node.inputs]

    def output_of(self, node: Node) -> Tensor:
        """Return the first tensor that `node` writes, for most operators the only one."""
        return self.tensors[node.outputs[0]]

    def outputs_of(self, node: Node) -> list[Tensor]:
        """Return the tensors that `node` writes, in order."""
        return [self.tensors[name] for name in node.outputs]

    @property
    def absent_weights(self) -> frozenset[str]:
        """Weights, biases and statistics that are inputs: the file holds shapes alone."""
        kinds = ("Conv2D", "FullyConnected", "BatchNormalization")
        read = {name for node in self.nodes if node.kind in kinds for name in node.inputs[1:]}
        return frozenset(read.intersection(self.inputs))

    @property
    def is_float(self) -> bool:
        """Whether it computes on reals, and no integer of it stands for one."""
        tensors = self.tensors.values()
        return any(x.is_float for x in tensors) and all(x.quantization is None for x in tensors)

    @property
    def is_integer(self) -> bool:
        """Whether the weights of every convolution and fully connected layer are integers."""
        return not any(
            self.tensors[node.inputs[1]].is_float
            for node in self.nodes
            if node.kind in ("Conv2D", "FullyConnected") and len(node.inputs) > 1
        )
