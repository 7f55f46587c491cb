"""Finished layers are kept: an interrupted quantization goes on behind them, to the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.errors import FormatError
from npusim.quant import quantize as module
from npusim.quant.export import model_of
from npusim.quant.kept_layers import KeptLayers
from tests.conftest import DIGITS

FLOAT, SAMPLES = DIGITS / "digits_float.onnx", DIGITS / "digits_train.npz"

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
import npusim

def stop(done, total):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)

x = np.load(sys.argv[2])["x"][:24]
npusim.quantize(npusim.load(sys.argv[1]), x, scheme="subset", bits=3, progress=stop,
                keep=Path(sys.argv[3]), threads=1)
"""


def made(keep: Path | None = None, **settings: object) -> bytes:
    x = np.load(SAMPLES)["x"][:24]
    chosen = {"scheme": "subset", "bits": 3, **settings}
    network = npusim.quantize(npusim.load(FLOAT), x, keep=keep, threads=1, **chosen)
    return model_of(network).SerializeToString(deterministic=True)


def test_a_killed_quantization_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = tmp_path / "kept"
    command = [sys.executable, "-c", KILLED, str(FLOAT), str(SAMPLES), str(keep)]
    killed = subprocess.run(command, env={**os.environ}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len([*keep.glob("layer*.npz")]) == 2
    encoded: list[str] = []

    def counted(network, node, *rest):
        encoded.append(node.name)
        return real(network, node, *rest)

    real = module.quantize_layer
    monkeypatch.setattr(module, "quantize_layer", counted)
    found = made(keep)
    resumed = len(encoded)
    assert found == made()
    assert len(encoded) - resumed == resumed + 2
    (keep / "layer1.npz").write_bytes(b"damaged")
    encoded.clear()
    assert made(keep) == found
    assert len(encoded) == 1


def test_layers_of_others_are_refused(tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    made(keep, encoder="nearest")
    with pytest.raises(FormatError, match="kept: expected layers of this network, samples and"):
        made(keep, encoder="nearest", bits=4)
    KeptLayers(keep).remove()
    assert not keep.exists()
