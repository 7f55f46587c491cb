"""`--set` changes the machine of every command that takes one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Finished

COMPARE = ("compare", "digits_float.onnx", "--calibrate", "digits_train.npz",
           "--schemes", "uniform", "--bits", "4", "--encoder", "nearest")  # fmt: skip


def test_compare(npusim: Callable[..., Finished], tmp_path: Path) -> None:
    cycles = []
    for bus in (4, 16):
        path = tmp_path / f"{bus}.json"
        done = npusim(*COMPARE, "--set", f"bus.bus_bytes={bus}", "-o", path)
        assert done.code == 0, done.err
        cycles.append(json.loads(path.read_text())["rows"][0]["cycles"])
    assert cycles[0] > cycles[1]


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_verify(npusim: Callable[..., Finished]) -> None:
    one = "verify", "--random", "1", "--machine", "nano"
    done = npusim(*one, "--set", "memory.latency_cycles=3", "--set", "array.size=4")
    assert done.code == 0, done.err
    assert npusim("verify", "mac_uniform", "--set", "array.size=4").code == 2
    assert npusim("verify", "--random", "1", "--set", "array.size=4").code == 2
    done = npusim(*one, "--set", "array.sise=4")
    assert done.code == 2
    assert "size" in done.err
