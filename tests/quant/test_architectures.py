"""Small networks of many kinds, quantized: onnxruntime computes the kernels' bytes from the file.

Detection, segmentation, transformers, signals; the schemes take turns over them, and every one of
the five sees each kind of layer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import npusim
from npusim.errors import UnsupportedError
from tests.simulator.onnxruntime_reference import ALL, session
from tests.zoo import classifiers, dense_outputs, mixtures, sequences
from tests.zoo.architectures import Architecture, model, samples

QUANTIZED: tuple[Architecture, ...] = (
    classifiers.resnet, classifiers.mobilenet_v3, classifiers.efficientnet, classifiers.densenet,
    classifiers.inception, classifiers.shufflenet, dense_outputs.unet, dense_outputs.unet_resized,
    dense_outputs.pyramid, dense_outputs.yolo, dense_outputs.ssd, dense_outputs.autoencoder,
    sequences.vit, sequences.mixer, sequences.convnext, sequences.audio, sequences.temporal,
    mixtures.detr, mixtures.rectified, mixtures.sliced, mixtures.local, mixtures.reduce,
    mixtures.bounded, mixtures.heads, dense_outputs.deeplab, dense_outputs.segmented,
    dense_outputs.super_resolution, dense_outputs.style,
)  # fmt: skip

SCHEMES = (("uniform", 8), ("pwlq", 4), ("subset", 4), ("wes", 8), ("multipoint", 3))

LEAST_SQNR_DB = 12
"""Far below what any of them has, far above what a wrong operator gives."""


@pytest.mark.parametrize(
    ("architecture", "scheme", "bits"),
    [
        pytest.param(one, *SCHEMES[turn % len(SCHEMES)], id=f"{one.__name__}-{turn}")
        for turn, one in enumerate([*QUANTIZED, dense_outputs.unet, sequences.vit] * 2)
    ],
)
def test_the_file_has_the_kernels_bytes(
    architecture: Architecture, scheme: str, bits: int, tmp_path: Path
) -> None:
    proto = model(architecture, 1)
    onnx.save(proto, tmp_path / "float.onnx")
    feeds = samples(proto, 5, 6)
    (name,) = feeds[0]
    x = np.concatenate([feed[name] for feed in feeds])
    network = npusim.quantize(
        npusim.load(tmp_path / "float.onnx"), x, scheme=scheme, bits=bits, encoder="nearest",
        threads=1,
    )  # fmt: skip
    npusim.export(network, tmp_path / "quantized.onnx", io="int8")
    again = npusim.load(tmp_path / "quantized.onnx")
    q = network.tensors[name].quantization
    assert q is not None
    codes = np.clip(np.rint(x / float(q.scale)) + int(q.zero_point), -128, 127).astype(np.int8)
    found = npusim.prepare(again).run({name: codes})
    runtime = session(onnx.load(tmp_path / "quantized.onnx"), ALL)
    names = [output.name for output in runtime.get_outputs()]
    for number in range(len(codes)):
        expected = runtime.run(names, {name: codes[number : number + 1]})
        for output, value in zip(names, expected, strict=True):
            np.testing.assert_array_equal(found[output][number : number + 1], value, output)
    real = session(proto, ALL)
    for index, output in enumerate(again.outputs):
        wanted = np.concatenate([real.run(None, feed)[index] for feed in feeds])
        if wanted.shape == found[output].shape and not _is_softmax(proto, output):
            _assert_close(again, output, found[output], wanted)


def _is_softmax(proto: onnx.ModelProto, output: str) -> bool:
    """Return whether the float file's output is a softmax, which the quantizer leaves off."""
    kinds = {node.op_type for node in proto.graph.node[-2:]}
    return "Softmax" in kinds


def _assert_close(
    network: npusim.Network, output: str, codes: np.ndarray, wanted: np.ndarray
) -> None:
    q = network.tensors[output].quantization
    assert q is not None
    error = (codes.astype(np.float64) - int(q.zero_point)) * float(q.scale) - wanted
    sqnr_db = 10 * np.log10((wanted**2).sum() / (error**2).sum())
    assert sqnr_db > LEAST_SQNR_DB, f"{output}: {sqnr_db:.1f} dB"


def test_rows_of_one_sample_are_no_samples(tmp_path: Path) -> None:
    onnx.save(model(mixtures.graph_convolution, 0), tmp_path / "float.onnx")
    network = npusim.load(tmp_path / "float.onnx")
    with pytest.raises(UnsupportedError, match="expected a network of separate samples"):
        npusim.quantize(network, np.zeros(network.tensors["x"].shape))
