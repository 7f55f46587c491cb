"""docs/json.md describes what --json writes, key by key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.test_run import IMAGES, MODEL, Npusim
from tests.conftest import ROOT

DOCUMENT = ROOT / "docs" / "json.md"
NOT_OF_EVERY_RUN = {"differing_outputs", "average_energy_pj", "dram_accesses"}
"""Of rules that exist in floating point alone; of --energy toggles; of memory model `dram`."""


def documented(table: str) -> set[str]:
    keys: set[str] = set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        keys.update(re.findall(r"`(\w+)`", row))
    return keys


@pytest.mark.parametrize("engine", ["kernels", "machine"])
def test_every_key_is_documented(npusim: Npusim, tmp_path: Path, engine: str) -> None:
    path = tmp_path / "run.json"
    assert npusim("run", MODEL, "--input", IMAGES, "--engine", engine, "--json", path).code == 0
    content = json.loads(path.read_text())
    of_run, of_machine = DOCUMENT.read_text().split("\n# ")[0].split("## With engine")
    run_keys, layer_keys = map(documented, of_run.split("Each layer:"))
    if engine == "machine":
        more_run, more_layer = map(documented, of_machine.split("and for each layer that"))
        run_keys |= more_run - NOT_OF_EVERY_RUN
        more_layer -= NOT_OF_EVERY_RUN
        layer_keys = layer_keys - {"seconds"} | more_layer
    assert content.keys() == run_keys
    renamed = [
        layer for layer in content["layers"]
        if layer["operator"] == "Reshape" or (layer["operator"] == "Add" and engine == "machine")
    ]  # fmt: skip
    executed = [layer for layer in content["layers"] if layer not in renamed]
    assert all(layer.keys() == layer_keys for layer in executed)
    if engine == "machine":
        # A renaming costs nothing; digits' Add is a part of its convolution.
        assert all(layer.keys() == layer_keys - more_layer for layer in renamed)
        for total in ("cycles", "dram_bytes", "macs"):
            assert content[total] == sum(layer[total] for layer in executed)
        energy = sum(layer["energy_pj"]["total"] for layer in executed)
        assert content["energy_pj"]["total"] == pytest.approx(energy, rel=1e-12)
