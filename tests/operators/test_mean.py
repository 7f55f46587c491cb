"""mean: LiteRT's three sets of kernels in every byte; floats in every bit of onnxruntime's."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.onnxruntime_reference import in_16_lanes

from .float_cases import Made, bits_of_onnxruntime
from .qdq_cases import normal
from .three_kernels import equals_litert

test_random_layers = equals_litert("MEAN")


def reduced(rng: np.random.Generator, kinds: tuple[str, ...]) -> Made:
    """Return a random reduction over any axes of 1 to 5, of short runs and long ones."""
    rank = int(rng.integers(1, 6))
    longest = 40 if rng.random() < 0.3 and rank < 4 else 7
    shape = tuple(int(n) for n in rng.integers(1, longest, rank))
    axes = np.sort(rng.choice(rank, int(rng.integers(1, rank + 1)), replace=False))
    keep = int(rng.integers(0, 2))
    node = helper.make_node(str(rng.choice(kinds)), ["x", "axes"], ["y"], keepdims=keep)
    return node, {"x": normal(rng, *shape)}, {"axes": axes.astype(np.int64)}


test_bits = bits_of_onnxruntime(lambda rng: reduced(rng, ("ReduceMean",)))


def pooled(rng: np.random.Generator) -> Made:
    shape = tuple(int(n) for n in rng.integers(1, 9, 4))
    return helper.make_node("GlobalAveragePool", ["x"], ["y"]), {"x": normal(rng, *shape)}, {}


test_bits_of_pools = in_16_lanes(bits_of_onnxruntime(pooled))
