"""einsum: between quantized values it has onnxruntime's bytes; so have floats that sum exactly."""

from __future__ import annotations

import numpy as np
from onnx import helper

from . import onnx_cases
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

FORMS = (
    "ij->ji", "ii->i", "iij->j", "ij->i", "ij->", "bij", "ij,jk", "ij,kl->ijkl", "ij,jk->k",
    "i,i->", "bii,bij->bj", "ij,jk,kl->il", "bij,bjk,bk->bi", "...ij,...jk->...ik",
    "...i->...", "b...,b...->b...", "ij,ij,ij->ij",
)  # fmt: skip


def _any_form(rng: np.random.Generator) -> onnx_cases.Case:
    """Whole numbers, which every order sums alike."""
    equation = FORMS[rng.integers(len(FORMS))]
    size = dict(zip("abcdefghijkl", rng.integers(1, 6, 12).tolist(), strict=True))
    around = rng.integers(1, 4, 2).tolist()
    shapes = []
    for letters in equation.split("->")[0].split(","):
        axes = letters.replace("...", ".")
        shapes.append([n for x in axes for n in (around if x == "." else [size[x]])])
    given = {f"x{i}": rng.integers(-9, 10, s).astype("f") for i, s in enumerate(shapes)}
    node = helper.make_node("Einsum", [*given], ["y"], equation=equation)
    return [node], given, {}, {"y": np.float32}


test_forms_equal_onnxruntime = onnx_cases.equals_onnxruntime(_any_form)
