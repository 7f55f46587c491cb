"""The kernels engine: batches, threads, kept tensors, inputs, coded layers."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import operators as op
from npusim.datapath.requantize import requantize_total
from npusim.errors import NpuError, RangeError, ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.graph.weights import EncodedWeights
from npusim.prepared import engine
from npusim.prepared.engine import prepare
from npusim.words import ROUNDINGS


def tensor(
    name: str, shape: tuple, scale: float = 0.1, zero_point: int = 0, **kw: object
) -> Tensor:
    q = Quantization(np.float32(scale), np.int64(zero_point))
    return Tensor(name, shape, np.dtype(kw.pop("dtype", "int8")), q, **kw)


def small_network(source: str = "tflite", channels: int = 5) -> Network:
    """Return convolution, depthwise, add, pool, reshape, fully connected, softmax on [1 6 7 3]."""
    rng = np.random.default_rng(0)
    c = channels

    def weights(name: str, shape: tuple) -> Tensor:
        return tensor(name, shape, 0.01, data=rng.integers(-127, 128, shape).astype(np.int8))

    def bias(name: str) -> Tensor:
        data = rng.integers(-500, 500, c).astype(np.int32)
        return Tensor(name, (c,), np.dtype("int32"), None, data)

    window = op.Window((3, 3), padding=(1, 1, 1, 1))
    declared = [
        tensor("x", (1, 6, 7, 3), 0.1, -4),
        weights("w0", (c, 3, 3, 3)),
        bias("b0"),
        tensor("conv", (1, 6, 7, c), 0.1, 3),
        Tensor(
            "w1",
            (c, 3, 3, 1),
            np.dtype("int8"),
            Quantization(np.full(c, 0.02, np.float32), np.zeros(c, np.int64), 0),
            rng.integers(-127, 128, (c, 3, 3, 1)).astype(np.int8),
            (3, 1, 2, 0),
        ),
        bias("b1"),
        tensor("depthwise", (1, 6, 7, c), 0.2, -8),
        tensor("sum", (1, 6, 7, c), 0.2, 1),
        tensor("pool", (1, 3, 4, c), 0.2, 1),
        tensor("flat", (1, 12 * c), 0.2, 1),
        weights("w2", (c, 12 * c)),
        bias("b2"),
        tensor("logits", (1, c), 0.3, 0),
        tensor("y", (1, c), 1 / 256, -128),
    ]
    nodes = (
        Node("conv", op.Conv2D(window, 1, op.Clamp(0.0)), ("x", "w0", "b0"), ("conv",)),
        Node("depthwise", op.Conv2D(window, c), ("conv", "w1", "b1"), ("depthwise",)),
        Node("add", op.Add(), ("conv", "depthwise"), ("sum",)),
        Node(
            "pool",
            op.AveragePool(op.Window((2, 2), (2, 2), padding=(0, 0, 0, 1))),
            ("sum",),
            ("pool",),
        ),
        Node("reshape", op.Reshape((1, 12 * c)), ("pool",), ("flat",)),
        Node("dense", op.FullyConnected(), ("flat", "w2", "b2"), ("logits",)),
        Node("softmax", op.Softmax(1), ("logits",), ("y",)),
    )
    return Network("small", source, nodes, {t.name: t for t in declared}, ("x",), ("y",))


def samples(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (count, 6, 7, 3)).astype(np.int8)


@pytest.mark.parametrize("rule", ["litert", "litert-opt", "xnnpack", "half_up", "floor"])
def test_batch_blocks_and_threads_change_nothing(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small_network()
    prepared = prepare(network, rule)
    assert prepared.separable
    names = [node.outputs[0] for node in network.nodes]
    x = samples(7)
    alone = [prepared.run(x[i], keep=names) for i in range(len(x))]
    together = prepared.run(x, keep=names)
    monkeypatch.setattr(engine, "BLOCK_BYTES", 500)
    blocks = prepared.run(x, keep=names)
    threads = prepared.run(x, keep=names, threads=3)
    for name in names:
        expected = np.concatenate([values[name] for values in alone])
        assert expected.shape[1:] == network.tensors[name].shape[1:]
        for found in (together, blocks, threads):
            np.testing.assert_array_equal(found[name], expected, name)


def test_kept_tensors_come_in_the_files_layout() -> None:
    network = small_network()
    prepared = prepare(network, "litert")
    x = samples(2)
    found = prepared.run(x, keep=["x", "w1", "b0", "sum", "y"])
    assert list(found) == ["x", "w1", "b0", "sum", "y"]
    np.testing.assert_array_equal(found["x"], x)
    data = network.tensors["w1"].data
    assert data is not None
    np.testing.assert_array_equal(found["w1"], data.transpose(3, 1, 2, 0))
    assert list(prepared.run(x)) == ["y"]
    np.testing.assert_array_equal(prepared.run(x)["y"], found["y"])
    with pytest.raises(ShapeError, match="there is no tensor t99"):
        prepared.run(x, keep=["t99"])


def test_results_are_not_the_engines_memory() -> None:
    prepared = prepare(small_network(), "litert")
    first = prepared.run(samples(1), keep=["w0", "sum", "flat"])
    before = {name: array.copy() for name, array in first.items()}
    for array in first.values():
        if array.flags.writeable:
            array[...] = 0
    for name, array in prepared.run(samples(1), keep=["w0", "sum", "flat"]).items():
        np.testing.assert_array_equal(array, before[name], name)


def test_time_and_progress_of_each_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(small_network(), "litert")
    monkeypatch.setattr(engine, "BLOCK_BYTES", 500)
    nanoseconds = np.zeros(7, np.int64)
    seen: list[tuple[int, int]] = []
    prepared.run(
        samples(6), nanoseconds=nanoseconds, progress=lambda done, total: seen.append((done, total))
    )
    assert (nanoseconds > 0).all()
    total = seen[-1][1]
    assert total % 7 == 0
    assert total > 7
    assert seen == [(i, total) for i in range(1, total + 1)]


def test_a_network_that_mixes_the_batch_runs_one_declared_batch_at_a_time() -> None:
    x, y = tensor("x", (2, 3)), tensor("y", (3, 2))
    node = Node("turn", op.Transpose((1, 0)), ("x",), ("y",))
    network = Network("mix", "tflite", (node,), {"x": x, "y": y}, ("x",), ("y",))
    prepared = prepare(network, "litert")
    assert not prepared.separable
    data = np.arange(12, dtype=np.int8).reshape(4, 3)
    found = prepared.run(data)["y"]
    np.testing.assert_array_equal(found, np.concatenate([data[:2].T, data[2:].T]))
    with pytest.raises(NpuError, match="samples"):
        prepared.run(data[:3])


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((6, 7, 4), np.int8), ShapeError, ["input x", "[6, 7, 3]", "[6, 7, 4]"]),
        (np.zeros((2, 2, 6, 7, 3), np.int8), ShapeError, ["[2, 2, 6, 7, 3]"]),
        (np.zeros((0, 6, 7, 3), np.int8), ShapeError, ["[0, 6, 7, 3]"]),
        (np.zeros((6, 7, 3), np.uint8), ShapeError, ["expected int8", "uint8"]),
        (np.zeros((6, 7, 3), np.int64), ShapeError, ["expected int8", "int64"]),
        (np.full((6, 7, 3), "a"), ShapeError, ["expected int8"]),
        (np.full((6, 7, 3), np.nan), RangeError, ["nan", "[0, 0, 0]"]),
        (np.full((6, 7, 3), np.inf), RangeError, ["inf"]),
        ({"z": np.zeros((6, 7, 3), np.int8)}, ShapeError, ["x", "z"]),
    ],
)
def test_wrong_inputs_are_named(x: object, error: type, words: list[str]) -> None:
    with pytest.raises(error) as caught:
        prepare(small_network(), "litert").run(x)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(("source", "tie"), [("tflite", 3), ("onnx", 2)])
def test_floats_are_quantized_by_the_runtimes_own_rule(source: str, tie: int) -> None:
    network = small_network(source)
    x = np.zeros((6, 7, 3))
    x.ravel()[:4] = 0.25, -0.25, 1e6, -1e6
    found = prepare(network, "litert").run(x, keep=["x"])["x"].ravel()[:5]
    assert found.tolist() == [tie - 4, -tie - 4, 127, -128, -4]


def test_float_networks_run_in_float32() -> None:
    network = small_network()
    w = network.tensors["w0"]
    floats = {
        **network.tensors,
        **{
            name: Tensor(name, t.shape, np.dtype("float32"), None, t.data and None)
            for name, t in network.tensors.items()
            if name in ("x", "conv")
        },
        "w0": Tensor("w0", w.shape, np.dtype("float32"), None, np.zeros(w.shape, np.float32)),
    }
    floating = Network("f", "tflite", network.nodes[:1], floats, ("x",), ("conv",))
    found = prepare(floating, "litert").run(np.ones(floating.tensors["x"].shape, np.float32))
    assert found["conv"].dtype == np.float32
    np.testing.assert_array_equal(found["conv"], found["conv"][:, :1, :1] + 0 * found["conv"])


def coded_layer(encoding: EncodedWeights, groups: int = 1, zero_point: int = 0) -> Network:
    oc, kh, kw, ic = encoding.weight_shape
    operator = op.Conv2D(op.Window((kh, kw)), groups, None, encoding)
    x = tensor("x", (1, 5, 5, ic * groups), 0.1, zero_point)
    y = tensor("y", (1, 6 - kh, 6 - kw, oc), 0.1, 2)
    node = Node("coded", operator, ("x",), ("y",))
    return Network("coded", "npusim", (node,), {"x": x, "y": y}, ("x",), ("y",))


def coded(scheme: str, **kw: object) -> EncodedWeights:
    rng = np.random.default_rng(3)
    shape = (4, 2, 3, 3)
    points = np.array(kw.pop("points", [1, 1, 1, 1]))
    stored = 5 if scheme == "pwlq" else int(kw.get("bits", 4))
    terms = int(kw.pop("terms", 1))
    return EncodedWeights(
        scheme=scheme,
        bits=int(kw.pop("bits", 4)),
        codes=rng.integers(0, 1 << stored, (int(points.sum()), *shape[1:])).astype(np.uint8),
        points=points,
        magnitudes=np.array(kw.pop("magnitudes", [])),
        multipliers=rng.integers(1 << 20, 1 << 21, (terms, 4)),
        bias=rng.integers(-(1 << 28), 1 << 28, 4),
        shift=np.full(4, 27),
        channel_shift=np.array(kw.pop("channel_shift", [0, 0, 0, 0])),
        **kw,
    )


def by_hand(e: EncodedWeights, x: np.ndarray, zero_point: int, mode: str) -> np.ndarray:
    """Return the coded convolution of x [5 5 C] in Python integers, as defined."""
    channels, kh, kw, _ = e.weight_shape
    y = np.empty((6 - kh, 6 - kw, channels), np.int64)
    n, b = (1 << (e.bits - 1)) - 1, e.bits

    def worth(code: int, m: list[int]) -> int:
        """Return the code's worth in units of T."""
        if e.scheme == "subset":
            sign = -1 if code >> (b - 1) else 1
            return m[0] * sign * int(e.magnitudes[code & n])
        if e.scheme == "lut":
            return m[0] * int(e.magnitudes[code])
        if e.scheme == "pwlq_double":
            sign, g = (-1 if code >> b else 1), code & n
            return m[0] * sign * (n + g + g if code >> (b - 1) & 1 else g)
        if e.scheme == "pwlq":
            sign, g = (-1 if code >> b else 1), code & n
            if not code >> (b - 1) & 1:
                return m[0] * sign * g
            breakpoint_worth = m[2] if len(m) > 2 else 0
            return sign * (m[0] * n + m[1] * g + breakpoint_worth)
        return m[0] * (code - (1 << b) if code >> (b - 1) else code)

    first = np.cumsum(e.points) - e.points
    for oh, ow, c in np.ndindex(y.shape):
        patch = x[oh : oh + kh, ow : ow + kw].astype(int) - zero_point
        total = int(e.bias[c]) + int(e.window_sum[c]) * int(patch.sum())
        for point in range(int(e.points[c])):
            m = [int(v) for v in e.multipliers[:, c]]
            m = m[point : point + 1] if e.points.max() > 1 else m
            codes = e.codes[first[c] + point]
            total += sum(
                worth(int(code), m) * int(v)
                for code, v in zip(codes.ravel(), patch.ravel(), strict=True)
            )
        shift = int(e.shift[c] + e.channel_shift[c])
        y[oh, ow, c] = requantize_total(total, ROUNDINGS.index(mode), shift, 2, -128, 127)
    return y


@pytest.mark.parametrize(
    ("scheme", "magnitudes", "wrong"),
    [
        ("lut", [*range(15)], "lut weights: expected 16 levels, found 15"),
        ("lut", [*range(15), 128], r"lut level: expected -128\.\.127, found 128"),
        ("subset", [1] * 4, "subset weights: expected 8 magnitudes, found 4"),
        ("subset", [1, 2, 3, 4, 5, 6, 8, 9], "subset magnitude: expected one of .*, found 5"),
        ("uniform", [1], "uniform weights: expected 0 magnitudes, found 1"),
    ],
)
def test_a_table_that_the_array_has_no_word_for_is_refused(
    scheme: str, magnitudes: list[int], wrong: str
) -> None:
    with pytest.raises(NpuError, match=wrong):
        coded(scheme, magnitudes=magnitudes)


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("uniform", {}),
        ("uniform", {"bits": 8}),
        ("wes", {"bits": 8, "channel_shift": [0, 3, 8, 15]}),
        ("subset", {"magnitudes": [1, 2, 4, 6, 9, 12, 18, 32]}),
        ("lut", {"magnitudes": [-128, -90, *range(-6, 6), 100, 127]}),
        ("lut", {"bits": 2, "magnitudes": [-128, -1, 0, 127]}),
        ("pwlq_double", {}),
        ("pwlq_double", {"bits": 2}),
        ("pwlq", {"terms": 2}),
        ("pwlq", {"terms": 3}),
        ("pwlq", {"terms": 2, "window_sum": np.array([0, -70000, 70000, 5])}),
        ("multipoint", {"points": [1, 3, 2, 4], "terms": 4}),
    ],
)
@pytest.mark.parametrize("mode", ["half_up", "half_even", "tflite"])
def test_coded_layers_equal_their_definition(scheme: str, options: dict, mode: str) -> None:
    encoding = coded(scheme, **dict(options))
    x = np.random.default_rng(5).integers(-128, 128, (5, 5, 3)).astype(np.int8)
    found = prepare(coded_layer(encoding, zero_point=-7), mode).run(x)["y"]
    np.testing.assert_array_equal(found[0], by_hand(encoding, x, -7, mode))
    assert len(np.unique(found)) > 10
