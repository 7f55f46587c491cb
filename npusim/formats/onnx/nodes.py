"""Nodes and inputs of an ONNX file, plain: what pages read, without the library of the format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError
from npusim.graph.network import Group

MAX_ELEMENTS = 1 << 31
"""A tensor with more elements than this is refused: no network npusim is for has one."""

Attribute: TypeAlias = "int | float | str | tuple[Any, ...] | NDArray | OnnxBody"


@dataclass(frozen=True)
class OnnxNode:
    """One node of the file; an absent optional input is the empty string."""

    name: str
    domain: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute] = field(default_factory=dict)
    group: Group = ""
    """How the runtime computes what stands between DequantizeLinear and QuantizeLinear."""
    captured: int = 0
    """How many of the inputs, the last ones, are what its bodies read of the graph around it."""

    @property
    def bodies(self) -> tuple[OnnxBody, ...]:
        """The graphs inside the node."""
        return tuple(value for value in self.attributes.values() if isinstance(value, OnnxBody))

    @property
    def own_inputs(self) -> tuple[str, ...]:
        """The inputs without what its bodies capture."""
        return self.inputs[: len(self.inputs) - self.captured]

    def input(self, index: int) -> str:
        """Return the name of input `index`, empty where the node has none there."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise FormatError(f"{self.name}: expected an integer {name}, found {value!r}")
        return value

    def number(self, name: str, default: float) -> float:
        """Return a float attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise FormatError(f"{self.name}: expected a number {name}, found {value!r}")
        return float(value)

    def integers(self, name: str, default: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Return an attribute that is a list of integers."""
        value = self.attributes.get(name, default)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(v, int) for v in value):
            raise FormatError(f"{self.name}: expected integers {name}, found {value!r}")
        return value


@dataclass(frozen=True, eq=False)
class OnnxBody:
    """A graph inside a node: what a branch or a turn of a loop computes."""

    nodes: tuple[OnnxNode, ...]
    constants: dict[str, NDArray]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def captured(self) -> tuple[str, ...]:
        """Names of the graph around it that it reads."""
        known = {*self.inputs, *self.constants}
        found: list[str] = []
        for node in self.nodes:
            found += [name for name in node.inputs if name and name not in known]
            known.update(node.outputs)
        found += [name for name in self.outputs if name not in known]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class OnnxValue:
    """A graph input: the file's type and static shape."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
