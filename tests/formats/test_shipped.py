"""What the package brings has a name everywhere, and a file of that name goes before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.errors import NpuError
from npusim.formats.samples import read_samples
from npusim.formats.shipped import NETWORKS, shipped
from tests.cli.conftest import Finished
from tests.cli.conftest import npusim as command  # noqa: F401  # a fixture
from tests.conftest import DIGITS


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped(Path("digits")) == DIGITS / "digits_int8.onnx"
    for path in NETWORKS.glob("*/*.npz"):
        assert shipped(Path(path.name)) == path
    assert shipped(Path("here/digits")) == Path("here/digits")
    assert shipped(Path("other.onnx")) == Path("other.onnx")
    (tmp_path / "digits").write_bytes(b"mine")
    assert shipped(Path("digits")) == Path("digits")


def test_networks_and_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = npusim.load("digits")
    x = read_samples(Path("digits_test.npz"), network).x
    with np.load(DIGITS / "digits_test.npz") as archive:
        np.testing.assert_array_equal(x, archive["x"])
    with pytest.raises(NpuError, match=r"nothing\.onnx"):
        npusim.load("nothing.onnx")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "digits", "--input", "digits_test.npz"),
        ("estimate", "digits", "--machine", "nano"),
        ("inspect", "digits"),
        ("check", "digits_int8.onnx"),
        ("compile", "digits", "-o", "d.npu"),
        ("quantize", "digits_float.onnx", "--calibrate", "digits_train.npz", "-o", "q.onnx"),
    ],
)
def test_commands(tmp_path, monkeypatch, command, arguments) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    done: Finished = command(*arguments)
    assert done.code == 0, done.err
