"""average_pool: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

import numpy as np
from onnx import helper

from . import qdq_cases
from .float_cases import Made, bits_of_onnxruntime
from .onnx_cases import Case, equals_onnxruntime
from .three_kernels import equals_litert

test_random_layers = equals_litert("AVERAGE_POOL_2D")


def _floats(rng: np.random.Generator, beyond: float = 0.0) -> Made:
    """Windows reach `beyond` the padding, which counts or not, in that share of cases."""
    kernel, stride = rng.integers(2, 4, 2), rng.integers(1, 4, 2)
    shape = (1, int(rng.integers(1, 4)), *(kernel + rng.integers(1, 9, 2)))
    padded = {"pads": rng.integers(0, 2, 4).tolist(), "count_include_pad": int(rng.integers(2))}
    node = helper.make_node(
        "AveragePool", ["x"], ["y"], kernel_shape=kernel.tolist(), strides=stride.tolist(),
        ceil_mode=int(rng.random() < beyond), **(padded if rng.random() < 0.5 else {}),
    )  # fmt: skip
    return node, {"x": rng.normal(size=shape).astype(np.float32)}, {}


def _whole_image(rng: np.random.Generator) -> qdq_cases.Made:
    """Return a pool of one window: onnxruntime's global pool, whose rounding is another."""
    kernel = rng.integers(1, 9, 2)
    node = helper.make_node("AveragePool", ["r"], ["s"], kernel_shape=kernel.tolist())
    return node, {}, (int(rng.integers(1, 3)), int(rng.choice([3, 8, 64])), *kernel.tolist())


test_bytes_of_one_window = qdq_cases.equals_onnxruntime(_whole_image)

test_bits_before_opset_19 = bits_of_onnxruntime(_floats, opset=17)
test_bits = bits_of_onnxruntime(lambda rng: _floats(rng, 0.5), opset=22)


def _beyond(rng: np.random.Generator) -> Case:
    node, given, held = _floats(rng, 1.0)
    return [node], given, held, {"y": np.float32}


test_beyond_the_padding_before_opset_19 = equals_onnxruntime(_beyond, opset=17, last_places=4)
