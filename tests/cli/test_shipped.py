"""The shipped int8 network is what `make networks` makes of the float one, byte for byte.

The shipped networks on Fashion-MNIST name as many pictures as they did when they were trained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.networks.fashion import pictures
from npusim.quant.float_network import run_float
from tests.cli.test_run import MODEL, Npusim
from tests.conftest import DIGITS


def test_made_again_it_is_the_same_file(npusim: Npusim, tmp_path: Path) -> None:
    made = tmp_path / MODEL.name
    done = npusim(
        "quantize", DIGITS / "digits_float.onnx", "--calibrate", DIGITS / "digits_train.npz",
        "--as-published", "--io", "int8", "-o", made,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert made.read_bytes() == MODEL.read_bytes()


FASHION = Path(pictures.__file__).parent


@pytest.mark.parametrize(("name", "correct"), [("separable", 470), ("residual", 450)])
def test_fashion_networks_name_the_shipped_pictures(name: str, correct: int) -> None:
    path = FASHION / f"fashion_{name}_float.onnx"
    assert path.stat().st_size < 1_000_000
    network = npusim.load(path)
    with np.load(FASHION / "fashion_test.npz") as test:
        x, y = test["x"] / 255.0, test["y"]
    scores = run_float(network, x)[network.outputs[0]]
    assert int((scores.reshape(512, -1).argmax(axis=1) == y).sum()) == correct


@pytest.mark.skipif(not pictures.DATASET.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_shipped_pictures_are_the_data_sets() -> None:
    for part, name in (("train", "train"), ("t10k", "test")):
        images, classes = pictures.read(part)
        with np.load(FASHION / f"fashion_{name}.npz") as file:
            shipped = dict(file)
        step = len(images) // len(shipped["x"])
        chosen = np.arange(len(shipped["x"])) * step
        assert np.array_equal(shipped["x"][:, 0], images[chosen])
        assert np.array_equal(shipped["y"], classes[chosen])
