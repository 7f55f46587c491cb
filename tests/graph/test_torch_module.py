"""A torch.nn.Module with example inputs is the network that its export holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npusim
from npusim.errors import FormatError


@pytest.fixture
def torch() -> Any:
    """Return torch, an extra that continuous integration does not install."""
    return pytest.importorskip("torch", reason="torch not found: pip install npusim[torch]")


def module(torch: Any) -> Any:
    nn = torch.nn
    torch.manual_seed(1)
    made = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.SiLU(),
        nn.ConvTranspose2d(6, 4, 2, stride=2), nn.Hardswish(), nn.Dropout(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8),
        nn.Linear(8, 5),
    )  # fmt: skip
    return made.train()


def test_it_is_quantized_and_exported(torch: Any, tmp_path: Path) -> None:
    import onnxruntime

    net, rng = module(torch), np.random.default_rng(2)
    x = rng.normal(size=(8, 3, 9, 9)).astype(np.float32)
    network = npusim.load(net, inputs=x[:1])
    assert net.training
    quantized = npusim.quantize(network, x, scheme="uniform", bits=8, encoder="nearest")
    npusim.export(quantized, tmp_path / "quantized.onnx", io="int8")
    q = quantized.tensors[quantized.inputs[0]].quantization
    assert q is not None
    codes = np.clip(np.rint(x / float(q.scale)) + int(q.zero_point), -128, 127).astype(np.int8)
    (found,) = npusim.prepare(quantized).run({quantized.inputs[0]: codes}).values()
    session = onnxruntime.InferenceSession(tmp_path / "quantized.onnx")
    (expected,) = session.run(None, {quantized.inputs[0]: codes})
    np.testing.assert_array_equal(found, expected)
    s = quantized.tensors[quantized.outputs[0]].quantization
    assert s is not None
    with torch.no_grad():
        wanted = net.eval()(torch.as_tensor(x)).numpy()
    error = (found.astype(np.float64) - int(s.zero_point)) * float(s.scale) - wanted
    assert 10 * np.log10((wanted**2).sum() / (error**2).sum()) > 20


def test_inputs_are_needed_and_have_to_fit(torch: Any) -> None:
    with pytest.raises(FormatError, match="expected example inputs"):
        npusim.load(module(torch))
    with pytest.raises(FormatError, match=r"Sequential: .*channels"):
        npusim.load(module(torch), inputs=np.zeros((1, 2, 9, 9), np.float32))
