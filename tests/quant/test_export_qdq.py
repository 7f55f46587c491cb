"""QDQ files: onnxruntime's bytes are those of the network that npusim reads from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.errors import UnsupportedError
from npusim.quant.coded import sqnr_db
from npusim.quant.float_network import constant
from npusim.quant.quantize import is_linear, prepare
from npusim.words import End, FileForm
from tests.conftest import DIGITS
from tests.simulator.test_onnx_random import int8_weights_are_exact

FASHION = Path(npusim.__file__).parent / "networks" / "fashion"
NETWORKS = {
    "digits": (DIGITS / "digits_float.onnx", DIGITS / "digits_train.npz", 1.0),
    "residual": (FASHION / "fashion_residual_float.onnx", FASHION / "fashion_train.npz", 255.0),
    "separable": (FASHION / "fashion_separable_float.onnx", FASHION / "fashion_train.npz", 255.0),
}


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_and_the_kernels_agree(
    name: str, bits: int, form: FileForm, tmp_path: Path
) -> None:
    import onnxruntime

    if form == "qdq" and not int8_weights_are_exact():  # as docs/onnx.md says
        bits = min(bits, 7)
    path, data, unit = NETWORKS[name]
    x = (np.load(data)["x"][:24] / unit).astype(np.float32)
    network = npusim.quantize(npusim.load(path), x, bits=bits, encoder="nearest")
    found = {}
    for io in ("float", "int8"):
        end: End = io  # type: ignore[assignment]
        network.save(tmp_path / f"{io}.onnx", io=end, form=form)
        session = onnxruntime.InferenceSession(tmp_path / f"{io}.onnx")
        q = network.tensors[network.inputs[0]].quantization
        assert q is not None
        steps = np.clip(np.rint(x / q.scale) + q.zero_point, -128, 127).astype(np.int8)
        values = x if io == "float" else steps
        (found[io],) = session.run(None, {network.inputs[0]: values})
        (ours,) = npusim.prepare(npusim.load(tmp_path / f"{io}.onnx")).run(values).values()
        assert np.array_equal(ours, found[io])
    s = network.tensors[network.outputs[0]].quantization
    assert s is not None
    real = (found["int8"].astype(np.int32) - s.zero_point).astype(np.float32) * s.scale
    assert np.array_equal(real, found["float"])
    own = npusim.prepare(network).run(x)[network.outputs[0]]
    assert np.abs(own.astype(int) - found["int8"]).max() <= 3
    assert sqnr_db(own.astype(float) - float(s.zero_point), found["int8"] - s.zero_point) > 30


def test_layers_kept_to_many_bits_are_floats(tmp_path: Path) -> None:
    """Weights and biases are those of the float network; onnxruntime runs the file.

    The order of its float sums depends on the processor: a step lies between where a half is near.
    """
    import onnx
    import onnxruntime

    path, data, _ = NETWORKS["digits"]
    x = np.load(data)["x"][:64].astype(np.float32)
    original = npusim.load(path)
    network = npusim.quantize(original, x, encoder="nearest", bias_correction="none", float32=["*"])
    network.save(tmp_path / "q.onnx", io="int8", form="qdq")
    model = onnx.load(tmp_path / "q.onnx")
    held = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    kinds = {n.op_type for n in model.graph.node for name in n.input if name in held
             and name.endswith("/weights")}  # fmt: skip
    assert kinds == {"Conv", "Gemm"}
    folded = prepare(original, x).network
    for node in filter(is_linear, folded.nodes):
        w, b = (constant(t) for t in folded.inputs_of(node)[1:])
        found = held[f"{node.name}/weights"]
        found = found.transpose(0, 2, 3, 1) if found.ndim == 4 else found
        assert sqnr_db(w, found.astype(np.float64)) > 120
        assert np.allclose(held[f"{node.name}/bias"], b, rtol=1e-5, atol=1e-6)
    session = onnxruntime.InferenceSession(tmp_path / "q.onnx")
    q = network.tensors[network.inputs[0]].quantization
    assert q is not None
    steps = np.clip(np.rint(x / q.scale) + q.zero_point, -128, 127).astype(np.int8)
    (theirs,) = session.run(None, {network.inputs[0]: steps})
    found, own = (
        next(iter(npusim.prepare(one).run(steps).values())).astype(int).reshape(theirs.shape)
        for one in (npusim.load(tmp_path / "q.onnx"), network)
    )
    assert np.abs(found - theirs).max() <= 1
    assert (found == theirs).mean() > 0.99
    s = network.tensors[network.outputs[0]].quantization
    assert s is not None
    assert sqnr_db(own - float(s.zero_point), theirs - float(s.zero_point)) > 30
    with pytest.raises(UnsupportedError, match="a QOperator file has uniform codes, found multip"):
        network.save(tmp_path / "o.onnx", form="qoperator")


def test_other_codes_have_no_such_form(tmp_path: Path) -> None:
    path, data, _ = NETWORKS["digits"]
    x = np.load(data)["x"][:8]
    network = npusim.quantize(npusim.load(path), x, scheme="wes", bits=8, encoder="nearest")
    with pytest.raises(UnsupportedError, match="a QDQ file has uniform codes, found wes 8"):
        network.save(tmp_path / "q.onnx", form="qdq")
