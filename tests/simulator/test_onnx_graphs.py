"""Random graphs of operators that move, join, split and reshape, against onnxruntime.

What is tested is the import: layouts, axes, names, shapes. Every tensor of a graph is compared in
the file's order, byte for byte, so a transpose too many or too few shows.
"""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given
from numpy.typing import NDArray
from onnx import NodeProto, helper

from .onnxruntime_reference import MICROSOFT, loaded, model, npusim_run, run_exposed
from .test_onnx_random import generators, random_test

INT8 = np.int8
SCALES = [np.float32(s) for s in (0.02, 0.05, 0.11)]


class Graph:
    """A graph that grows by one random operator at a time, onto a random value it has."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.scales: dict[str, tuple[str, str]] = {}

    def constant(self, value: NDArray | np.generic | list[int]) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def new_scale(self) -> tuple[str, str]:
        zero = self.rng.choice([-128, -3, 0, 17])
        return self.constant(self.rng.choice(SCALES)), self.constant(INT8(zero))

    def add(
        self, kind: str, inputs: list[str], shape: tuple[int, ...], scale: tuple[str, str],
        domain: str = "", outputs: int = 1, **attributes: object,
    ) -> list[str]:  # fmt: skip
        names = [f"t{len(self.shapes) + i}" for i in range(outputs)]
        self.nodes.append(
            helper.make_node(
                kind, inputs, names, f"n{len(self.nodes)}", domain=domain, **attributes
            )
        )
        for name in names:
            self.shapes[name], self.scales[name] = shape, scale
        return names

    def grow(self) -> None:
        rng = self.rng
        x = str(rng.choice(list(self.shapes)[-4:]))
        shape, scale = self.shapes[x], self.scales[x]
        rank = len(shape)
        choice = rng.choice(
            ["conv", "conv", "pool", "transpose", "reshape", "flatten", "concat", "split", "add",
             "squeeze", "unsqueeze", "slice", "average", "softmax", "identity", "pad", "shuffle"]
        )  # fmt: skip
        axis = int(rng.integers(rank))
        if choice == "conv" and rank == 4:
            oc, k = int(rng.integers(1, 6)), int(rng.choice([1, 3]))
            w = rng.integers(-127, 128, (oc, shape[1], k, k)).astype(INT8)
            target = self.new_scale()
            weights = [self.constant(w), self.constant(np.float32(0.01)), self.constant(INT8(0))]
            self.add(
                "QLinearConv", [x, *scale, *weights, *target], (shape[0], oc, *shape[2:]), target,
                pads=[k // 2] * 4, kernel_shape=[k, k],
            )  # fmt: skip
        elif choice == "pool" and rank == 4 and min(shape[2:]) >= 2:
            out = (*shape[:2], shape[2] - 1, shape[3] - 1)
            self.add("MaxPool", [x], out, scale, kernel_shape=[2, 2])
        elif choice == "transpose":
            order = [int(i) for i in rng.permutation(rank)]
            self.add("Transpose", [x], tuple(shape[i] for i in order), scale, perm=order)
        elif choice == "reshape":
            target = self.factors(prod(shape))
            self.add("Reshape", [x, self.constant(np.array(target))], target, scale)
        elif choice == "flatten":
            out = (prod(shape[:axis]), prod(shape[axis:]))
            self.add("Flatten", [x], out, scale, axis=axis)
        elif choice == "concat":
            target, other = self.new_scale(), self.new_scale()
            y = self.constant(rng.integers(-128, 128, shape).astype(INT8))
            out = tuple(n * (2 if i == axis else 1) for i, n in enumerate(shape))
            parts = [x, *scale, y, *other] if rng.random() < 0.3 else [x, *scale, x, *scale]
            self.add("QLinearConcat", [*target, *parts], out, target, MICROSOFT, axis=axis)
        elif choice == "split" and shape[axis] % 2 == 0:
            out = tuple(n // (2 if i == axis else 1) for i, n in enumerate(shape))
            self.add("Split", [x], out, scale, outputs=2, axis=axis)
        elif choice == "add":
            target, other = self.new_scale(), self.new_scale()
            part = tuple(n if rng.random() < 0.5 else 1 for n in shape)[int(rng.integers(rank)) :]
            y = self.constant(rng.integers(-128, 128, part).astype(INT8))
            operands = [[x, *scale], [y, *other]]
            if rng.random() < 0.5:
                operands.reverse()
            self.add("QLinearAdd", [*operands[0], *operands[1], *target], shape, target, MICROSOFT)
        elif choice == "squeeze" and shape[axis] == 1 and rank > 1:
            out = tuple(n for i, n in enumerate(shape) if i != axis)
            self.add("Squeeze", [x, self.constant(np.array([axis]))], out, scale)
        elif choice == "unsqueeze" and rank < 5:
            out = (*shape[:axis], 1, *shape[axis:])
            self.add("Unsqueeze", [x, self.constant(np.array([axis]))], out, scale)
        elif choice == "slice" and shape[axis] > 2:
            bounds = [self.constant(np.array([v])) for v in (1, -1, axis)]
            out = tuple(n - 2 if i == axis else n for i, n in enumerate(shape))
            self.add("Slice", [x, *bounds], out, scale)
        elif choice == "average" and rank == 4:
            target = self.new_scale()
            out = (*shape[:2], 1, 1)
            self.add(
                "QLinearGlobalAveragePool", [x, *scale, *target], out, target, MICROSOFT,
                channels_last=0,
            )  # fmt: skip
        elif choice == "softmax":
            target = (self.constant(np.float32(1 / 256)), self.constant(INT8(-128)))
            self.add(
                "QLinearSoftmax",
                [x, *scale, *target],
                shape,
                target,
                MICROSOFT,
                axis=axis,
                opset=13,
            )
        elif choice == "identity":
            self.add("Identity", [x], shape, scale)
        elif choice == "pad":
            pads = [int(n) for n in rng.integers(0, 2, 2 * rank)]
            pads[0] = pads[rank] = 0  # the engine pads no batch axis
            out = tuple(n + pads[i] + pads[i + rank] for i, n in enumerate(shape))
            self.add("Pad", [x, self.constant(np.array(pads)), scale[1]], out, scale)
        elif choice == "shuffle" and rank == 4 and shape[1] % 2 == 0:
            n, c, *image = shape
            wide = (n, 2, c // 2, *image)
            (a,) = self.add("Reshape", [x, self.constant(np.array(wide))], wide, scale)
            (t,) = self.add("Transpose", [a], (n, c // 2, 2, *image), scale, perm=[0, 2, 1, 3, 4])
            self.add("Reshape", [t, self.constant(np.array(shape))], shape, scale)

    def factors(self, size: int) -> tuple[int, ...]:
        """Return a random shape of rank 1..5 of `size` elements."""
        rank = int(self.rng.integers(1, 6))
        shape = [1] * rank
        while size > 1:
            prime = next(p for p in range(2, size + 1) if size % p == 0)
            shape[int(self.rng.integers(rank))] *= prime
            size //= prime
        return tuple(shape)


@random_test
@given(generators)
def test_random_graphs(rng: np.random.Generator) -> None:
    graph = Graph(rng)
    shape = tuple(int(n) for n in (1, rng.integers(1, 7), rng.integers(1, 7), rng.integers(1, 7)))
    graph.shapes["x"], graph.scales["x"] = shape, graph.new_scale()
    for _ in range(int(rng.integers(2, 14))):
        graph.grow()
        if prod(list(graph.shapes.values())[-1]) > 20000:
            break
    names = [name for name in graph.shapes if name != "x"]
    if not names:
        return
    x = rng.integers(-128, 128, shape).astype(INT8)
    proto = model(graph.nodes, {"x": x}, graph.constants, dict.fromkeys(names, INT8))
    expected = run_exposed(proto, names, {"x": x})
    found = npusim_run(loaded(proto), {"x": x}, names)
    for name in names:
        assert found[name].shape == expected[name].shape == graph.shapes[name], name
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
