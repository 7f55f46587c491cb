"""The shipped int8 network is what `make networks` makes of the float one, byte for byte."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_run import MODEL, Npusim
from tests.conftest import DIGITS


def test_made_again_it_is_the_same_file(npusim: Npusim, tmp_path: Path) -> None:
    made = tmp_path / MODEL.name
    done = npusim(
        "quantize", DIGITS / "digits_float.onnx", "--calibrate", DIGITS / "digits_train.npz",
        "-o", made,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert made.read_bytes() == MODEL.read_bytes()
