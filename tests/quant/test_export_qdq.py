"""QDQ files: onnxruntime's bytes are those of the network that npusim reads from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.errors import UnsupportedError
from npusim.quant.coded import sqnr_db
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


def test_other_codes_have_no_such_form(tmp_path: Path) -> None:
    path, data, _ = NETWORKS["digits"]
    x = np.load(data)["x"][:8]
    network = npusim.quantize(npusim.load(path), x, scheme="wes", bits=8, encoder="nearest")
    with pytest.raises(UnsupportedError, match="a QDQ file has uniform codes, found wes 8"):
        network.save(tmp_path / "q.onnx", form="qdq")
