"""instance_normalization: onnxruntime's bytes between quantized values, its bits between floats."""

from __future__ import annotations

import numpy as np
from onnx import helper

from . import float_cases
from .float_cases import bits_of_onnxruntime
from .qdq_cases import Made, equals_onnxruntime, normal


def made(rng: np.random.Generator) -> Made:
    shape = (1, *(int(n) for n in rng.integers(2, 7, 3)))
    constants = {"g": normal(rng, shape[1]), "b": normal(rng, shape[1])}
    epsilon = float(10.0 ** rng.integers(-6, -2))
    node = helper.make_node("InstanceNormalization", ["r", "g", "b"], ["s"], epsilon=epsilon)
    return node, constants, shape


test_bytes = equals_onnxruntime(made)


def alone(rng: np.random.Generator) -> float_cases.Made:
    groups = int(rng.integers(1, 4))
    in_groups = rng.random() < 0.5
    channels = groups * int(rng.integers(1, 4))
    shape = (1, channels, *(int(n) for n in rng.integers(1, 12, 2)))
    kind, attributes = ("GroupNormalization", {"num_groups": groups}) if in_groups else (
        "InstanceNormalization", {},
    )  # fmt: skip
    node = helper.make_node(kind, ["x", "g", "b"], ["y"], epsilon=1e-5, **attributes)
    return (
        node,
        {"x": normal(rng, *shape)},
        {"g": normal(rng, channels), "b": normal(rng, channels)},
    )


test_bits = bits_of_onnxruntime(alone)
