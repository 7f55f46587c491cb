"""Operators that onnxruntime's optimizer writes have its bits.

Integer weights are of seven bits: without VNNI the runtime's sums of wider ones saturate.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from npusim.errors import UnsupportedError
from tests.operators.onnx_cases import Case, equals_onnxruntime
from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

MICROSOFT = "com.microsoft"


def _normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


def _weights(rng: np.random.Generator, *shape: int) -> NDArray[np.int8]:
    return rng.integers(-63, 64, shape).astype(np.int8)


def _gelu(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(1, 20, 3))
    kind = ("BiasGelu", "FastGelu", "QuickGelu")[rng.integers(3)]
    x = (rng.normal(size=shape) * 3).astype("f")
    held = {} if kind == "QuickGelu" else {"b": rng.normal(size=shape[-1:]).astype("f")}
    attributes = {"alpha": float(rng.choice([1.702, 1, 0.5]))} if kind == "QuickGelu" else {}
    node = helper.make_node(kind, ["x", *held], ["y"], domain=MICROSOFT, **attributes)
    return [node], {"x": x}, held, {"y": np.float32}


test_gelu = equals_onnxruntime(_gelu)


def _skip(rng: np.random.Generator) -> Case:
    """A sum, normalized: as one operator, or as two that the runtime joins or leaves."""
    shape = tuple(int(n) for n in rng.integers(1, 40, rng.integers(2, 5)))
    shape = (*(n % 4 + 1 for n in shape[:-1]), shape[-1])
    inputs = {name: _normal(rng, *shape) for name in ("x", "skip")}
    held = {name: _normal(rng, shape[-1]) for name in ("g", "b")}
    kind = ("", "Skip", "SkipSimplified")[rng.integers(3 if len(shape) == 3 else 1)]
    if kind:
        names = [*inputs, *held] if kind == "Skip" else [*inputs, "g"]
        node = helper.make_node(
            f"{kind}LayerNormalization", names, ["y", "", "", "sum"], domain=MICROSOFT, epsilon=1e-5
        )
        held = {name: value for name, value in held.items() if name in names}
        return [node], inputs, held, {"y": np.float32, "sum": np.float32}
    nodes = [
        helper.make_node("Add", ["x", "skip"], ["sum"]),
        helper.make_node("LayerNormalization", ["sum", "g", "b"], ["y"]),
    ]
    seen = {"y": np.float32} if rng.random() < 0.7 else {"y": np.float32, "sum": np.float32}
    return nodes, inputs, held, seen


test_sums_normalized = equals_onnxruntime(_skip)


def _embed(rng: np.random.Generator) -> Case:
    samples, steps, size, heads = (int(rng.integers(1, most)) for most in (4, 7, 9, 4))
    size *= heads
    held = {"we": _normal(rng, 20, size), "pe": _normal(rng, 9, size), "se": _normal(rng, 2, size)}
    held |= {"g": _normal(rng, size), "b": _normal(rng, size), "w": _normal(rng, size, 3 * size)}
    held["ab"] = _normal(rng, 3 * size)
    inputs = {
        "ids": rng.integers(0, 20, (samples, steps)),
        "kinds": rng.integers(0, 2, (samples, steps)),
        "mask": (np.arange(steps) < rng.integers(1, steps + 1, (samples, 1))),
    }
    names = ["ids", "kinds", "we", "pe", "se", "g", "b", "mask"]
    nodes = [
        helper.make_node("EmbedLayerNormalization", names, ["e", "lengths"], domain=MICROSOFT),
        helper.make_node(
            "Attention", ["e", "w", "ab", "lengths"], ["y"], domain=MICROSOFT, num_heads=heads
        ),
    ]
    outputs = {"e": np.float32, "lengths": np.int32, "y": np.float32}
    return nodes, {k: v.astype(np.int32) for k, v in inputs.items()}, held, outputs


test_embedding_and_lengths = equals_onnxruntime(_embed, cases=60)


def _integers(rng: np.random.Generator) -> Case:
    """Products of integers, of one scale and zero point or one for each column."""
    inner, outer = int(rng.integers(1, 40)), int(rng.integers(1, 20))
    shape = (*(int(n) for n in rng.integers(1, 5, rng.integers(1, 3))), inner)
    columns = (outer,) if rng.random() < 0.5 else ()
    held = {"w": _weights(rng, inner, outer), "ws": np.float32(rng.uniform(0.01, 0.1, columns))}
    held["wz"] = _weights(rng, *columns) // 8 * 0 if rng.random() < 0.5 else _weights(rng, *columns)
    held["w"] = (held["w"] // 2).astype(np.int8)
    held["b"] = _normal(rng, outer)
    names, kind = ["x", "w", "ws", "wz", "b"], "DynamicQuantizeMatMul"
    x: NDArray = _normal(rng, *shape)
    if rng.random() < 0.5:
        kind, x = "MatMulIntegerToFloat", rng.integers(0, 256, shape).astype(np.uint8)
        held |= {
            "xs": np.float32(rng.uniform(0.01, 0.1)),
            "xz": np.array(rng.integers(256), np.uint8),
        }
        names = ["x", "w", "xs", "ws", "xz", "wz", "b"]
    names = names[: len(names) - int(rng.integers(2))]
    node = helper.make_node(kind, names, ["y"], domain=MICROSOFT)
    held = {name: np.asarray(value) for name, value in held.items() if name in names}
    return [node], {"x": x}, held, {"y": np.float32}


test_products_of_integers = equals_onnxruntime(_integers)


def _attention(rng: np.random.Generator) -> Case:
    samples, steps, size, heads = (int(rng.integers(1, most)) for most in (4, 7, 9, 4))
    size *= heads
    held: dict[str, NDArray] = {"w": _weights(rng, size, 3 * size), "b": _normal(rng, 3 * size)}
    held |= {"xs": np.array(0.02, "f"), "ws": np.array(0.01, "f")}
    held |= {"xz": np.array(128, np.uint8), "wz": np.array(0, np.int8)}
    inputs: dict[str, NDArray] = {
        "x": rng.integers(0, 256, (samples, steps, size)).astype(np.uint8)
    }
    mask = ("", "lengths", "whole", "square")[rng.integers(4)]
    lengths = rng.integers(1, steps + 1, samples)
    seen = (np.arange(steps) < lengths[:, None]).astype(np.int32)
    match mask:
        case "lengths":
            inputs["m"] = lengths.astype(np.int32)
        case "whole":
            inputs["m"] = seen
        case "square":
            inputs["m"] = np.broadcast_to(seen[:, None], (samples, steps, steps)).copy()
    names = ["x", "w", "b", "xs", "ws", "m" if mask else "", "xz", "wz"]
    node = helper.make_node("QAttention", names, ["y"], domain=MICROSOFT, num_heads=heads)
    return [node], inputs, held, {"y": np.float32}


test_attention_of_integers = equals_onnxruntime(_attention, cases=60)


def _layer(rng: np.random.Generator) -> Case:
    inner, outer = int(rng.integers(1, 40)), int(rng.integers(1, 20))
    held = {"w": _normal(rng, outer, inner), "b": _normal(rng, outer)}
    kind = ("Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid")[rng.integers(5)]
    more = {"activation_alpha": 0.2, "activation_beta": 0.5} if kind == "HardSigmoid" else {}
    more = {"activation_alpha": 0.1} if kind == "LeakyRelu" else more
    node = helper.make_node(
        "FusedGemm", ["x", "w", "b"], ["y"], domain=MICROSOFT, activation=kind, transB=1, **more
    )
    return [node], {"x": _normal(rng, int(rng.integers(1, 5)), inner)}, held, {"y": np.float32}


test_activated_gemm = equals_onnxruntime(_layer)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", ["Relu", "Clip", "LeakyRelu", "HardSigmoid"])
def test_activated_convolution(kind: str, seed: int) -> None:
    """Integers and powers of two, which every order sums alike."""
    rng = np.random.default_rng(seed)
    params = {"Clip": [0.0, 6.0], "LeakyRelu": [0.5], "HardSigmoid": [0.25, 0.5]}.get(kind, [])
    more = {"activation_params": params} if params else {}
    node = helper.make_node("FusedConv", ["x", "w", "b"], ["y"], domain=MICROSOFT,
                            activation=kind, pads=[1, 1, 1, 1], **more)  # fmt: skip
    x = rng.integers(-9, 9, (1, 3, 5, 6)).astype("f")
    held = {"w": rng.integers(-4, 4, (4, 3, 3, 3)).astype("f"), "b": np.arange(4, dtype="f")}
    proto = model([node], {"x": x}, held, {"y": np.float32})
    (expected,) = session(proto, ALL).run(None, {"x": x})
    np.testing.assert_array_equal(npusim_run(loaded(proto), {"x": x})["y"], expected)


@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding_is_close(rank: int, interleaved: int) -> None:
    rng = np.random.default_rng(rank)
    angles = rng.normal(size=(10, 4))
    held = {"c": np.cos(angles).astype("f"), "s": np.sin(angles).astype("f")}
    shape = (2, 5, 16) if rank == 3 else (2, 2, 5, 8)
    inputs = {"x": _normal(rng, *shape), "p": rng.integers(0, 10, (2, 5))}
    node = helper.make_node("RotaryEmbedding", ["x", "p", "c", "s"], ["y"], domain=MICROSOFT,
                            interleaved=interleaved)  # fmt: skip
    proto = model([node], inputs, held, {"y": np.float32})
    (expected,) = session(proto, ALL).run(None, inputs)
    found = npusim_run(loaded(proto), inputs)["y"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-7)


def test_every_form_that_is_not_written_out_is_said() -> None:
    shape = (1, 1, 8)
    held = {"w": np.zeros((8, 1, 16), np.uint8), "s": np.ones(8, "f"), "g": np.ones(8, "f"),
            "i": np.zeros(32, np.int32)}  # fmt: skip
    nodes = [
        helper.make_node("MatMulNBits", ["x", "w", "s", "", "i"], ["m"], name="first",
                         domain=MICROSOFT, K=8, N=8, bits=4, block_size=32),
        helper.make_node("SkipLayerNormalization", ["m", "x", "g"], ["y", "mean"], name="second",
                         domain=MICROSOFT),
    ]  # fmt: skip
    proto = model(nodes, {"x": np.zeros(shape, "f")}, held, {"y": np.float32})
    with pytest.raises(UnsupportedError, match=r"first.*g_idx.*second.*means"):
        loaded(proto)


@pytest.mark.parametrize("places", [True, False])
@pytest.mark.parametrize("part", [0, 4])
@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding_of_onnx_is_close(
    interleaved: int, rank: int, part: int, places: bool
) -> None:
    rng = np.random.default_rng(rank)
    angles = rng.normal(size=(10 if places else 2, *(() if places else (5,)), (part or 8) // 2))
    shape = (2, 5, 16) if rank == 3 else (2, 2, 5, 8)
    inputs = {"x": _normal(rng, *shape), "c": np.cos(angles), "s": np.sin(angles)}
    inputs = {name: value.astype("f") for name, value in inputs.items()}
    if places:
        inputs["p"] = rng.integers(0, 10, (2, 5))
    node = helper.make_node("RotaryEmbedding", [*inputs], ["y"], interleaved=interleaved,
                            num_heads=2, rotary_embedding_dim=part)  # fmt: skip
    proto = model([node], inputs, {}, {"y": np.float32}, 23)
    (expected,) = session(proto, ALL).run(None, inputs)
    found = npusim_run(loaded(proto), inputs)["y"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-7)


def _scaled_by_shape(rng: np.random.Generator) -> Case:
    """An attention whose factor the file computes of a shape, as torch exports it."""
    rows, columns, size = (int(n) for n in rng.integers(2, 9, 3))
    inputs = {"q": _normal(rng, 2, rows, size), "k": _normal(rng, 2, columns, size)}
    held = {"last": np.array(-1), "one": np.array([1], "f")}
    nodes = [
        helper.make_node("Shape", ["q"], ["shape"]),
        helper.make_node("Gather", ["shape", "last"], ["extent"]),
        helper.make_node("Cast", ["extent"], ["real"], to=1),
        helper.make_node("Sqrt", ["real"], ["root"]),
        helper.make_node("Div", ["one", "root"], ["scale"]),
        helper.make_node("Sqrt", ["scale"], ["half"]),
        helper.make_node("Mul", ["q", "half"], ["a"]),
        helper.make_node("Transpose", ["k"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Mul", ["t", "half"], ["b"]),
        helper.make_node("MatMul", ["a", "b"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["y"]),
    ]
    return nodes, inputs, held, {"y": np.float32}


test_factors_of_shapes = equals_onnxruntime(_scaled_by_shape)
