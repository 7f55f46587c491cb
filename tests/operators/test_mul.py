"""mul: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from npusim.formats.files import load
from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import invoke, litert
from tests.simulator.tflite_builder import Value, options, single_operator

from .litert_cases import BYTES, KERNELS, Draw, binary, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime
from .three_kernels import equals_litert

test_random_layers = equals_litert("MUL")


@random_layers
def test_an_output_scale_next_to_nothing_equals_litert(draw: Draw) -> None:
    """LiteRT's shift leaves 32 bits there; its vectors of broadcast operands are not followed."""
    layer = binary(draw, "MUL", BYTES, options("MulOptions"))
    scale = np.float32(2.0 ** draw.rng.uniform(-120, -45))
    layer.outputs[0] = replace(layer.outputs[0], scale=scale)
    first, second = (x.shape for x in layer.inputs if x is not None)
    compare(layer, kernels=tuple(KERNELS) if first == second else ("ref",))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("seed", range(8))
def test_products_that_are_nearly_ties_equal_litert(
    seed: int, kernels: str, tmp_path: Path
) -> None:
    """Every pair of bytes, under ratios that put a product next to half a step."""
    rng = np.random.default_rng(seed)
    dtype = ("int8", "uint8")[seed % 2]
    low = int(np.iinfo(dtype).min)
    s1, s2 = (np.float32(2.0 ** rng.uniform(-8, -2)) for _ in range(2))
    products = rng.integers(1, 128, 2).prod() / (rng.integers(0, 60) + 0.5)
    so = np.float32((s1 * s2, np.float64(s1) * np.float64(s2))[seed // 2 % 2] * products)
    zeros = rng.integers(low, low + 256, 3).tolist()
    shape = (1, 1 << 16)
    a, b, y = (Value(shape, dtype, s, z) for s, z in zip((s1, s2, so), zeros, strict=True))
    content = single_operator("MUL", [a, b], y, options("MulOptions"))
    values = np.arange(low, low + 256).astype(dtype)
    inputs = [x.reshape(shape).copy() for x in np.meshgrid(values, values)]
    path = tmp_path / "mul.tflite"
    path.write_bytes(content)
    network = load(path)
    found = prepare(network, KERNELS[kernels]).run(dict(zip(network.inputs, inputs, strict=True)))
    expected = invoke(litert(content, kernels), *inputs)
    assert np.array_equal(found[network.outputs[0]], expected)


def _of_any_number(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(1, 4)))
    inputs = {
        f"x{i}": rng.normal(size=shape[-int(rng.integers(1, len(shape) + 1)) :]).astype("f")
        for i in range(rng.integers(1, 6))
    }
    node = helper.make_node("Mean", list(inputs), ["y"])
    return [node], inputs, {}, {"y": np.float32}


test_of_any_number_equals_onnxruntime = equals_onnxruntime(_of_any_number)
