"""Attention operators of .onnx files have onnxruntime's bits."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

import npusim
from tests.operators.onnx_cases import Case, equals_onnxruntime
from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

MICROSOFT = "com.microsoft"


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return float32 values around 0."""
    return rng.normal(size=shape).astype(np.float32)


def _standard(rng: np.random.Generator) -> Case:
    n, s, t, d, e = (int(rng.integers(1, most)) for most in (3, 7, 7, 9, 9))
    groups, share = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    heads = groups * share
    s, d, t, e = s + 1, d + 1, t + 1, e + 1
    attributes: dict = {"is_causal": int(rng.integers(2))}
    if rng.random() < 0.5:
        attributes |= {"q_num_heads": heads, "kv_num_heads": groups}
        shapes = (n, s, heads * d), (n, t, groups * d), (n, t, groups * e)
    else:
        shapes = (n, heads, s, d), (n, heads, t, d), (n, heads, t, e)
    if rng.random() < 0.5:
        attributes["scale"] = float(rng.uniform(0.1, 1))
    inputs = dict(zip("qkv", (normal(rng, *shape) for shape in shapes), strict=True))
    held = {}
    if rng.random() < 0.5 and not attributes["is_causal"]:
        seen = rng.random((s, t)) < 0.7
        seen[:, 0] = True
        held["m"] = seen if rng.random() < 0.5 else np.where(seen, 0, -1e9).astype("f")
        if rng.random() < 0.5:
            inputs["m"] = held.pop("m")
    names = ["q", "k", "v", *(["m"] if "m" in {**inputs, **held} else [])]
    return (
        [helper.make_node("Attention", names, ["y"], **attributes)],
        inputs,
        held,
        {"y": np.float32},
    )


def _microsoft(rng: np.random.Generator) -> Case:
    n, s, heads, d = (int(rng.integers(1, most)) for most in (3, 7, 3, 9))
    s, c = s + 1, heads * (d + 1)
    attributes = {"num_heads": heads, "unidirectional": int(rng.integers(2))}
    held = {"b": normal(rng, 3 * c)}
    if rng.random() < 0.5:
        inputs = {"x": normal(rng, n, s, c)}
        held["w"] = normal(rng, c, 3 * c)
        names, kind = ["x", "w", "b", "m"], "Attention"
    else:
        inputs = {name: normal(rng, n, s, c) for name in "qkv"}
        names, kind = ["q", "k", "v", "b", "m"], "MultiHeadAttention"
    mask = (rng.random((n, s)) < 0.8).astype(np.int32)
    mask[:, 0] = 1
    inputs["m"] = mask
    node = helper.make_node(kind, names, ["y"], domain=MICROSOFT, **attributes)
    return [node], inputs, held, {"y": np.float32}


test_standard_attention = equals_onnxruntime(_standard, opset=23)
test_masked_attention_of_microsoft = equals_onnxruntime(_microsoft)


def test_attention_without_a_mask_is_close() -> None:
    """There onnxruntime computes block by block, and divides by the sums at the end."""
    rng = np.random.default_rng(0)
    inputs = {name: normal(rng, 1, 5, 16) for name in "qkv"}
    node = helper.make_node("MultiHeadAttention", list("qkv"), ["y"], domain=MICROSOFT, num_heads=2)
    proto = model([node], inputs, {}, {"y": np.float32})
    (expected,) = session(proto, ALL).run(None, inputs)
    np.testing.assert_allclose(
        npusim_run(loaded(proto), inputs)["y"], expected, rtol=2e-6, atol=1e-6
    )


def _kept(rng: np.random.Generator, heads: int, groups: int, past: int) -> dict[str, np.ndarray]:
    shapes = {"q": (2, heads, 3, 4), "k": (2, groups, 5, 4), "v": (2, groups, 5, 6)}
    inputs = {name: normal(rng, *shape) for name, shape in shapes.items()}
    if past:
        inputs |= {"pk": normal(rng, 2, groups, past, 4), "pv": normal(rng, 2, groups, past, 6)}
    return inputs


@pytest.mark.parametrize("softcap", [0.0, 2.0])
@pytest.mark.parametrize("mode", range(4))
@pytest.mark.parametrize(("heads", "groups", "past"), [(2, 2, 0), (4, 2, 3), (3, 1, 2)])
@pytest.mark.parametrize("mask", ["", "causal", "biases", "truths"])
def test_a_past_and_all_outputs_are_close(
    mask: str, heads: int, groups: int, past: int, mode: int, softcap: float
) -> None:
    rng = np.random.default_rng(mode)
    inputs = _kept(rng, heads, groups, past)
    if mask == "biases":
        inputs["m"] = normal(rng, 3, 5 + past)
    if mask == "truths":
        inputs["m"] = rng.random((3, 5 + past)) < 0.5
        inputs["m"][1] = False  # a row that sees nothing is zeros
    names = [name if name in inputs else "" for name in ("q", "k", "v", "m", "pk", "pv")]
    outputs = {"y": np.float32, "nk": np.float32, "nv": np.float32, "s": np.float32}
    node = helper.make_node("Attention", names, list(outputs), softcap=softcap,
                            qk_matmul_output_mode=mode,
                            is_causal=int(mask == "causal"))  # fmt: skip
    proto = model([node], inputs, {}, outputs, 23)
    expected = session(proto, ALL).run(list(outputs), inputs)
    found = npusim_run(loaded(proto), inputs)
    for name, value in zip(outputs, expected, strict=True):
        seen = value > -1e30  # beyond that is what hides a place
        np.testing.assert_array_equal(found[name] > -1e30, seen)
        np.testing.assert_allclose(found[name][seen], value[seen], rtol=2e-5, atol=2e-6)


def test_lengths_are_close() -> None:
    rng = np.random.default_rng(0)
    inputs = _kept(rng, 2, 2, 0) | {"lengths": np.array([2, 5])}
    node = helper.make_node("Attention", ["q", "k", "v", "", "", "", "lengths"], ["y"])
    proto = model([node], inputs, {}, {"y": np.float32}, 24)
    (expected,) = session(proto, ALL).run(None, inputs)
    found = npusim_run(loaded(proto), inputs)["y"]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def test_a_past_of_microsoft_is_refused_by_its_name() -> None:
    rng = np.random.default_rng(0)
    inputs = {name: normal(rng, 1, 3, 8) for name in "qkv"} | {"pk": normal(rng, 1, 2, 4, 4)}
    names = ["q", "k", "v", "", "", "", "pk"]
    node = helper.make_node("MultiHeadAttention", names, ["y"], domain=MICROSOFT, num_heads=2)
    with pytest.raises(npusim.NpuError, match="input 6, pk, is not supported"):
        loaded(model([node], inputs, {}, {"y": np.float32}))
