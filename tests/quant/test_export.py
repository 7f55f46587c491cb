"""The exported file: onnxruntime computes the kernels' bytes, and npusim reads the network back."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import onnx
import pytest

import npusim
from npusim import operators as op
from npusim.codes.schemes import SCHEME_BITS
from npusim.errors import FormatError, NpuError
from npusim.formats.own.calls import function_named
from npusim.graph.network import Network
from npusim.quant.export import export, model_of
from npusim.quant.options import Options, as_published
from npusim.quant.quantize import Prepared, prepare, quantize_prepared
from npusim.words import BiasCorrection, Encoder
from tests.quant.networks import (
    CHOICES_OF_FIVE,
    REFERENCE_NETWORKS,
    Maker,
    every_operator,
    reference_network,
)

RANDOM = np.random.default_rng(10)

CHOICES = {
    **{f"{scheme} {bits}": {"scheme": scheme, "bits": bits}
       for scheme, all_bits in (
           ("uniform", (8, 6, 4, 3, 2)), ("wes", (8, 4, 3, 2)), ("pwlq", (8, 7, 4, 3, 2)),
           ("subset", (4, 3, 2)), ("multipoint", (8, 4, 3, 2)), ("subset+wes", (4, 2)),
           ("log2", (3, 2)), ("multipoint+subset", (4,)), ("multipoint+pwlq", (8, 3)),
           ("lut", (4, 2)), ("pwlq_double", (4, 3, 2)))
       for bits in all_bits},
    "pwlq 4 reference": {"scheme": "pwlq", "bits": 4, "grid": "reference"},
    "pwlq 4 root": {"scheme": "pwlq", "bits": 4, "breakpoint": "laplacian-root"},
    "pwlq 4 paper": {"scheme": "pwlq", "bits": 4, "bias_correction": "paper"},
    "subset 3 paper": {"scheme": "subset", "bits": 3, "bias_correction": "paper"},
    "multipoint 3 paper": {"scheme": "multipoint", "bits": 3, "bias_correction": "paper"},
    "wes 8 paper": {"scheme": "wes", "bits": 8, "bias_correction": "paper"},
    "multipoint 2 points 3": {"scheme": "multipoint", "bits": 2, "points": 3.0},
}  # fmt: skip


def same_network(a: Network, b: Network) -> None:
    assert (a.source, a.inputs, a.outputs, a.notes) == (b.source, b.inputs, b.outputs, b.notes)
    assert a.tensors.keys() == b.tensors.keys()
    for name, s in a.tensors.items():
        t = b.tensors[name]
        assert (s.shape, s.dtype, s.file_order) == (t.shape, t.dtype, t.file_order), name
        assert (s.data is None) == (t.data is None)
        assert s.data is None or np.array_equal(s.data, t.data)
        assert s.quantization is not None
        assert t.quantization is not None
        assert s.quantization.scale == t.quantization.scale
        assert s.quantization.zero_point == t.quantization.zero_point
    for m, n in zip(a.nodes, b.nodes, strict=True):
        assert (m.name, m.kind, m.inputs, m.outputs) == (n.name, n.kind, n.inputs, n.outputs)
        ours, theirs = (getattr(node.operator, "encoding", None) for node in (m, n))
        for field in fields(ours) if ours is not None else ():
            left, right = getattr(ours, field.name), getattr(theirs, field.name)
            assert np.array_equal(left, right), f"{m.name}: {field.name}"
            assert getattr(left, "dtype", None) == getattr(right, "dtype", None)
        for field in fields(m.operator):
            if field.name != "encoding":
                assert getattr(m.operator, field.name) == getattr(n.operator, field.name)


def integers(network: Network, x: np.ndarray) -> np.ndarray:
    """Samples as the network's input integers, the last one random ends of the range."""
    q = network.tensors[network.inputs[0]].quantization
    assert q is not None
    values = np.clip(np.rint(x / float(q.scale)) + int(q.zero_point), -128, 127).astype(np.int8)
    values[-1] = RANDOM.choice([-128, 127], size=values[-1].shape)
    return values


def check(network: Network, x: np.ndarray, path: Path) -> None:
    import onnxruntime

    from npusim.prepared.engine import prepare as engine

    export(network, path, io="int8")
    loaded = npusim.load(path)
    assert loaded.name == path.stem  # a network is called as its file
    same_network(network, loaded)
    values = integers(network, x)
    ours = engine(network, "half_up").run(values)
    session = onnxruntime.InferenceSession(path)
    theirs = session.run(list(network.outputs), {network.inputs[0]: values})
    for name, expected in zip(network.outputs, theirs, strict=True):
        assert expected.dtype == np.int8
        assert len(np.unique(expected)) > 1
        assert np.array_equal(ours[name], expected), name


def check_real_ends(network: Network, x: np.ndarray, path: Path) -> None:
    """The file takes and gives real values: those of the kernels' integers, bit for bit."""
    import onnxruntime

    from npusim.prepared.engine import prepare as engine

    export(network, path)
    same_network(network, npusim.load(path))
    real = x.astype(np.float32)
    session = onnxruntime.InferenceSession(path)
    assert {end.type for end in (*session.get_inputs(), *session.get_outputs())} == {
        "tensor(float)"
    }
    theirs = session.run(list(network.outputs), {network.inputs[0]: real})
    ours = engine(network, "half_up").run(real)
    for name, expected in zip(network.outputs, theirs, strict=True):
        q = network.tensors[name].quantization
        assert q is not None
        steps = (ours[name].astype(np.int32) - int(q.zero_point)).astype(np.float32)
        assert np.array_equal(steps * np.float32(q.scale), expected), name


@pytest.fixture(scope="module")
def made() -> tuple[Prepared, np.ndarray]:
    x = RANDOM.normal(size=(12, 3, 9, 8))
    return prepare(every_operator(), x), x


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES.keys())
def test_every_operator(made: tuple[Prepared, np.ndarray], choice: dict, tmp_path: Path) -> None:
    prepared, x = made
    check(quantize_prepared(prepared, as_published(**choice)).network, x, tmp_path / "q.onnx")


@pytest.mark.parametrize("encoder", ["feedback", "descent"])
@pytest.mark.parametrize("bias_correction", ["none", "static", "paper"])
@pytest.mark.parametrize("scheme", SCHEME_BITS)
def test_fitted_to_the_data(
    made: tuple[Prepared, np.ndarray],
    scheme: str,
    encoder: Encoder,
    bias_correction: BiasCorrection,
    tmp_path: Path,
) -> None:
    prepared, x = made
    bits = 2 if encoder == "feedback" else 3
    options = Options(scheme, bits, encoder=encoder, bias_correction=bias_correction)
    check(quantize_prepared(prepared, options).network, x, tmp_path / "q.onnx")


def test_real_ends(made: tuple[Prepared, np.ndarray], tmp_path: Path) -> None:
    prepared, x = made
    for choice in (Options("pwlq", 3), Options("uniform", 8)):
        network = quantize_prepared(prepared, choice).network
        check_real_ends(network, 3 * x, tmp_path / "q.onnx")
        npusim.load(tmp_path / "q.onnx").save(tmp_path / "q2.onnx")
        npusim.load(tmp_path / "q2.onnx").save(tmp_path / "q.onnx")
        check_real_ends(npusim.load(tmp_path / "q.onnx"), x, tmp_path / "q.onnx")


def test_schemes_mix(made: tuple[Prepared, np.ndarray], tmp_path: Path) -> None:
    prepared, x = made
    layers = {"stem": ("pwlq", 3), "depthwise": ("wes", 8), "dense": ("multipoint", 2)}
    options = Options(scheme="subset", bits=4, layers=layers, exempt="last")
    quantized = quantize_prepared(prepared, options)
    found = {record.name: (record.scheme, record.bits) for record in quantized.layers}
    assert found == {
        **layers, "grouped": ("subset", 4), "point": ("subset", 4), "logits": ("uniform", 8)
    }  # fmt: skip
    check(quantized.network, x, tmp_path / "q.onnx")


@pytest.mark.parametrize("encoder", ["nearest", "feedback"])
def test_layers_kept_to_16_bits(
    made: tuple[Prepared, np.ndarray], encoder: Encoder, tmp_path: Path
) -> None:
    """By name and pattern, whatever else names them; every live channel has both points."""
    prepared, x = made
    options = Options(
        "subset", 3, layers={"stem": ("uniform", 4)}, int16=("stem", "dep*"), exempt="last",
        encoder=encoder,
    )  # fmt: skip
    quantized = quantize_prepared(prepared, options)
    wide = {r.name: r for r in quantized.layers if r.scheme == "multipoint"}
    assert {*wide} == {"stem", "depthwise"}
    for record in wide.values():
        assert (record.bits, record.points) == (8, 2.0)
        assert record.sqnr_db > 85 or encoder == "feedback", "targets are other weights"
    check(quantized.network, x, tmp_path / "q.onnx")


def test_layers_kept_to_24_bits(made: tuple[Prepared, np.ndarray], tmp_path: Path) -> None:
    """Every live channel has three points, which hold its weights as well as a float32 would."""
    prepared, x = made
    options = Options("pwlq", 3, float32=("stem", "logits"), int16=("*",), encoder="nearest")
    quantized = quantize_prepared(prepared, options)
    points = {record.name: record.points for record in quantized.layers}
    assert points == {name: 3.0 if name in ("stem", "logits") else 2.0 for name in points}
    for record in quantized.layers:
        assert record.sqnr_db > (125 if record.points == 3 else 85), record
    check(quantized.network, x, tmp_path / "q.onnx")


@pytest.mark.parametrize("name", REFERENCE_NETWORKS)
def test_reference_networks(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Item 1 of the contract: five schemes at 8, 4, 3 and 2 bits where they are defined.

    Nearest codes at each, fitted ones, which take longer, at the fewest bits.
    """
    network, x = reference_network(name, request)
    prepared = prepare(network, x)
    for scheme, bits in CHOICES_OF_FIVE:
        default = Options(scheme, bits) if bits == 2 else Options(scheme, bits, encoder="nearest")
        for options in (as_published(scheme, bits=bits), default):
            quantized = quantize_prepared(prepared, options)
            check(quantized.network, x, tmp_path / f"{scheme}{bits}.onnx")


def test_the_file_is_the_same_each_time(made: tuple[Prepared, np.ndarray], tmp_path: Path) -> None:
    prepared, x = made
    options = Options("multipoint", 3)
    again = prepare(every_operator(), x, threads=1)
    export(quantize_prepared(prepared, options).network, tmp_path / "a.onnx")
    export(quantize_prepared(again, options).network, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_one_readable_node_a_layer(made: tuple[Prepared, np.ndarray]) -> None:
    prepared, _ = made
    network = quantize_prepared(prepared, Options(scheme="subset", bits=4)).network
    model = model_of(network)
    kinds = {node.name: node.op_type for node in model.graph.node}
    assert all(node.domain == "npusim" for node in model.graph.node)
    assert {node.name for node in network.nodes} <= kinds.keys()
    assert kinds["stem"] == "Subset4Conv"
    assert kinds["dense"] == "Subset4Gemm"
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in model.graph.value_info
    }
    assert shapes["stem:0"] == ["N", *network.tensors["stem:0"].shape[1:]]
    assert shapes.keys() == {
        name for node in model.graph.node for name in node.output if name not in network.outputs
    }
    (codes,) = (i for i in model.graph.initializer if i.name == "stem/codes")
    assert list(codes.dims) == [8 * 27 // 2]
    ends = ("Input", "FloatInput", "FloatOutput")
    layers = [name for name, kind in kinds.items() if kind not in ends]
    assert layers == [node.name for node in network.nodes]


def edited(model: onnx.ModelProto, change: str) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    stem = next(node for node in copy.graph.node if node.name == "stem")
    if change == "body":
        function = next(f for f in copy.functions if f.name == stem.op_type)
        function.node[-1].attribute[0].i = onnx.TensorProto.UINT8
    elif change == "attribute":
        next(a for a in stem.attribute if a.name == "low").i = -127
    elif change == "codes":
        next(i for i in copy.graph.initializer if i.name == "stem/codes").raw_data += b"\0"
        next(i for i in copy.graph.initializer if i.name == "stem/codes").dims[0] += 1
    elif change == "multipliers":
        array = onnx.numpy_helper.from_array(np.full((1, 8), 1 << 31), "stem/multipliers")
        next(i for i in copy.graph.initializer if i.name == "stem/multipliers").CopyFrom(array)
    elif change == "name":
        stem.op_type = "Subset9Conv"
    elif change == "version":
        next(o for o in copy.opset_import if o.domain == "npusim").version = 3
    elif change == "end":
        next(a for a in copy.graph.node[-1].attribute if a.name == "scale").f *= 2
    elif change == "foreign":
        copy.graph.node[0].domain, copy.graph.node[0].op_type = "", "Identity"
        del copy.graph.node[0].attribute[:]
    return copy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("body", "its body is not the one npusim writes"),
        ("attribute", "stem: expected low"),
        ("codes", "stem: expected 108 bytes of codes"),
        ("multipliers", "multipliers of at most 31 bits"),
        ("name", "Subset9Conv"),
        ("version", "expected version 2, found 3"),
        ("end", "its scale and zero point are not those of"),
        ("foreign", "expected functions of npusim alone"),
    ],
)
def test_a_file_that_means_two_things_is_refused(
    made: tuple[Prepared, np.ndarray], change: str, message: str, tmp_path: Path
) -> None:
    prepared, _ = made
    network = quantize_prepared(prepared, Options(scheme="subset", bits=4)).network
    path = tmp_path / "edited.onnx"
    path.write_bytes(edited(model_of(network), change).SerializeToString())
    with pytest.raises(NpuError, match=message) as caught:
        npusim.load(path)
    assert "\n" not in str(caught.value)


def test_no_processor_saturates_pairs_of_products(tmp_path: Path) -> None:
    import onnxruntime

    weights = np.where(RANDOM.random((6, 1, 1, 32)) < 0.7, 1.0, -1.0)
    x = np.where(RANDOM.random((4, 32, 5, 5)) < 0.7, 1.0, -1.0)
    maker = Maker((1, 5, 5, 32), order=(0, 3, 1, 2))
    y = maker.node("conv", op.Conv2D(op.Window((1, 1))), "x", maker.constant("w", weights))
    conv = npusim.quantize(maker.network(y), x, bits=8, encoder="nearest")
    export(conv, tmp_path / "q.onnx", io="int8")
    values = integers(conv, x)
    (expected,) = onnxruntime.InferenceSession(tmp_path / "q.onnx").run(None, {"x": values})
    found = npusim.prepare(npusim.load(tmp_path / "q.onnx")).run(values)
    assert np.array_equal(found[y], expected)


def test_files_of_version_1_are_read(made: tuple[Prepared, np.ndarray], tmp_path: Path) -> None:
    prepared, _ = made
    network = quantize_prepared(prepared, Options()).network
    model, path = model_of(network), tmp_path / "earlier.onnx"
    names = [function.name for function in model.functions]
    del model.functions[:]
    model.functions.extend(function_named(name, 1) for name in names)
    next(o for o in model.opset_import if o.domain == "npusim").version = 1
    onnx.save(model, path)
    same_network(network, npusim.load(path))
    next(o for o in model.opset_import if o.domain == "npusim").version = 2
    onnx.save(model, path)
    with pytest.raises(FormatError, match="its body is not the one npusim writes"):
        npusim.load(path)


def test_a_float_network_has_no_such_form() -> None:
    with pytest.raises(NpuError, match="expected a network that npusim quantized"):
        model_of(every_operator())


def test_unwritable_path(made: tuple[Prepared, np.ndarray], tmp_path: Path) -> None:
    prepared, _ = made
    network = quantize_prepared(prepared, Options()).network
    with pytest.raises(FormatError, match="cannot write it"):
        export(network, tmp_path / "missing" / "q.onnx")
