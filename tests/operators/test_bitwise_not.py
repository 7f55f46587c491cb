"""bitwise_not: the bits of all integers equal onnxruntime's."""

from __future__ import annotations

import numpy as np

from .onnx_cases import Case, equals_onnxruntime
from .test_bitwise import random_integers


def _random(rng: np.random.Generator) -> Case:
    return random_integers(rng, "BitwiseNot", 1)


test_equals_onnxruntime = equals_onnxruntime(_random)
