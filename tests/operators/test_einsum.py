"""einsum: between quantized values it has onnxruntime's bytes."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .qdq_cases import Made, equals_onnxruntime, normal

EQUATIONS = ("ij,jk->ik", "bij,bjk->bik", "bid,bjd->bij", "bhid,bhjd->bhij", "ij,kj->ki")


def made(rng: np.random.Generator) -> Made:
    equation = str(rng.choice(EQUATIONS))
    size = dict(zip("abcdefghijk", rng.integers(1, 7, 11).tolist(), strict=True))
    first, second = equation.split("->")[0].split(",")
    constant = normal(rng, *(size[x] for x in second))
    node = helper.make_node("Einsum", ["r", "c"], ["s"], equation=equation)
    return node, {"c": constant}, tuple(size[x] for x in first)


test_bytes = equals_onnxruntime(made)
