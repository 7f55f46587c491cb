"""docs/json.md describes what --json writes, key by key."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.cli.test_run import IMAGES, MODEL, ROOT, Npusim

DOCUMENT = ROOT / "docs" / "json.md"


def documented(table: str) -> set[str]:
    keys: set[str] = set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        keys.update(re.findall(r"`(\w+)`", row))
    return keys


def test_every_key_is_documented(npusim: Npusim, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    assert npusim("run", MODEL, "--input", IMAGES, "--json", path).code == 0
    content = json.loads(path.read_text())
    run_part = DOCUMENT.read_text().split("\n# ")[0]
    run_table, layer_table = run_part.split("Each layer:")
    assert content.keys() == documented(run_table)
    assert content["layers"][0].keys() == documented(layer_table)
