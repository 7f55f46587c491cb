"""What numbers in a file of samples mean: one rule for every command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import npusim
from npusim.errors import NpuError
from npusim.formats.pictures import Preprocessing
from npusim.formats.samples import Reading, read_samples
from npusim.graph.network import Network
from npusim.graph.tensor import Quantization, Tensor
from npusim.quant.dequantize import real_samples
from tests.conftest import DIGITS

SIDE = 4


def network(dtype: str, channels: int, order: tuple[int, ...] | None = None) -> Network:
    """Return a network of nothing but an input, of scale 1/64 and zero point 3."""
    q = None if dtype == "float32" else Quantization(np.float32(1 / 64), np.int64(3))
    x = Tensor("x", (1, SIDE, SIDE, channels), np.dtype(dtype), q, None, order)
    return Network("none", "onnx", (), {"x": x}, ("x",), ("x",))


def saved(folder: Path, x: np.ndarray) -> Path:
    np.save(folder / "x.npy", x)
    return folder / "x.npy"


CODES = np.arange(SIDE * SIDE, dtype=np.int8).reshape(1, SIDE, SIDE, 1)


def test_integers_are_codes_and_a_float_network_has_none(tmp_path: Path) -> None:
    path = saved(tmp_path, CODES)
    found = read_samples(path, network("int8", 1))
    assert found.meaning == "int8 codes"
    np.testing.assert_array_equal(found.x, CODES)
    with pytest.raises(NpuError, match="int8 numbers are codes, and x takes real values; --sampl"):
        read_samples(path, network("float32", 1))
    with pytest.raises(NpuError, match="expected int8 codes for x, found int64; --samples real"):
        read_samples(saved(tmp_path, CODES.astype(np.int64)), network("int8", 1))


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_integers_as_real_values_and_as_pixels(tmp_path: Path, dtype: str) -> None:
    path = saved(tmp_path, CODES)
    found = read_samples(path, network(dtype, 1), Reading("real"))
    assert (found.meaning, found.x.dtype) == ("int8 as real values", np.float32)
    np.testing.assert_array_equal(found.x, CODES.astype(np.float32))
    found = read_samples(path, network(dtype, 1), Reading("pixels", Preprocessing(mean=(0.5,))))
    np.testing.assert_array_equal(found.x, (CODES / 255 - 0.5).astype(np.float32))
    assert found.picture is not None
    assert found.picture["mean"] == [0.5]


@pytest.mark.parametrize(("order", "layout"), [(None, "NHWC"), ((0, 3, 1, 2), "NCHW")])
def test_a_picture_means_the_same_to_every_network(
    tmp_path: Path, order: tuple[int, ...] | None, layout: str
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    chosen = Reading("codes", Preprocessing(None, (0.5, 0.25, 0), (0.5, 1, 2)))
    expected = ((pixels / 255 - [0.5, 0.25, 0]) / [0.5, 1, 2]).astype(np.float32)
    for dtype in ("float32", "int8", "uint8"):
        net = network(dtype, 3, order)
        found = read_samples(tmp_path / "x.png", net, chosen)
        np.testing.assert_array_equal(net.tensors["x"].from_file_order(found.x)[0], expected)
        assert found.as_json() == {
            "meaning": "pixels as real values",
            "picture": {
                "size": [SIDE, SIDE], "crop": None, "mean": [0.5, 0.25, 0], "std": [0.5, 1, 2],
                "layout": layout,
            },
        }  # fmt: skip


def test_a_crop_is_the_middle_and_keeps_the_aspect(tmp_path: Path) -> None:
    wide = np.zeros((8, 16, 1), np.uint8)
    wide[2:6, 6:10] = 255  # half of the middle square
    Image.fromarray(wide[..., 0]).save(tmp_path / "x.png")
    net = network("float32", 1)
    read = {crop: read_samples(tmp_path / "x.png", net, Reading("codes", Preprocessing(crop))).x
            for crop in (None, 1.0, 0.5)}  # fmt: skip
    assert read[0.5].min() > 0.9
    assert read[1.0].mean() == pytest.approx(0.25, abs=0.02)
    assert read[None].mean() == pytest.approx(0.125, abs=0.02)


def test_a_folder_of_pictures_and_an_array_by_its_key(tmp_path: Path) -> None:
    for i, name in enumerate(("b.png", "a.png")):
        Image.fromarray(np.full((SIDE, SIDE), 255 * i, np.uint8)).save(tmp_path / name)
    assert read_samples(tmp_path, network("float32", 1)).x.mean(axis=(1, 2, 3)).tolist() == [1, 0]
    np.savez(tmp_path / "x.npz", a=CODES, b=CODES + 1, y=[1])
    found = read_samples(tmp_path / "x.npz:b", network("int8", 1))
    np.testing.assert_array_equal(found.x, CODES + 1)
    with pytest.raises(NpuError, match="expected an array named 'c', found a, b"):
        read_samples(tmp_path / "x.npz:c", network("int8", 1))


def test_codes_calibrate_by_the_scale_of_the_network_they_are_of() -> None:
    quantized = npusim.load(DIGITS / "digits_int8.onnx")
    tensor = quantized.tensors[quantized.inputs[0]]
    codes = np.arange(-128, 128, dtype=np.int8)
    q = tensor.quantization
    assert q is not None
    real = real_samples(quantized, codes)
    expected = ((codes.astype(float) - q.zero_point) * q.scale).astype(np.float32)
    np.testing.assert_array_equal(real, expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop": 0.0}, "crop: expected a share above 0"),
        ({"std": (0.0,)}, "std: expected numbers above 0"),
        ({"mean": (0.1, 0.2)}, "mean: expected one number or 1"),
    ],
)
def test_mistakes_of_a_preprocessing(settings: dict, message: str) -> None:
    with pytest.raises(NpuError, match=message):
        Preprocessing(**settings).real_values(CODES, network("float32", 1).tensors["x"])
