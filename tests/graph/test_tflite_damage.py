"""Damaged .tflite files: an error of one line or a valid network that runs, never anything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from npusim.errors import NpuError
from npusim.formats.files import load
from npusim.prepared.engine import prepare
from npusim.runtimes.rule import resolve_rule
from tests.simulator.random_layers import MAKERS, random_case

EVERY_BYTES = 64
SEEDS = 400


def flips_and_cuts(content: bytes) -> Iterator[bytes]:
    for position in range(0, len(content), EVERY_BYTES):
        flipped = bytearray(content)
        flipped[position] ^= 0xFF
        yield bytes(flipped)
        yield content[:position]


def random_damage(content: bytes, seeds: range) -> Iterator[bytes]:
    for seed in seeds:
        rng = np.random.default_rng(seed)
        damaged = bytearray(content)
        for _ in range(int(rng.integers(1, 6))):
            damaged[int(rng.integers(len(damaged)))] = int(rng.integers(256))
        yield bytes(damaged)


def outcome(path: Path, content: bytes) -> str:
    """Take the file through the whole path; return what came of it."""
    path.write_bytes(content)
    try:
        network = load(path)
        if not network.is_integer:
            return "float"
        x = {
            name: np.ones(network.tensors[name].shape, network.tensors[name].dtype)
            for name in network.inputs
        }
        outputs = prepare(network, resolve_rule(network)).run(x)
    except NpuError as error:
        message = str(error)
        outputs = None
    if outputs is None:
        assert message.strip()
        assert "\n" not in message
        return "refused"
    for name, y in outputs.items():
        assert y.shape == network.tensors[name].shape
        assert y.dtype == network.tensors[name].dtype
    return "ran"


@pytest.mark.shared
@pytest.mark.parametrize("name", ["tflm_hello_world_int8", "tflm_micro_speech_int8"])
def test_damaged_networks(shared: Path, tmp_path: Path, name: str) -> None:
    content = (shared / "models" / "tflite" / f"{name}.tflite").read_bytes()
    path = tmp_path / "damaged.tflite"
    counts = Counter(outcome(path, damaged) for damaged in flips_and_cuts(content))
    counts.update(outcome(path, damaged) for damaged in random_damage(content, range(SEEDS)))
    assert outcome(path, content) == "ran"
    assert counts["refused"] > 50
    assert counts["ran"] > 50


@pytest.mark.parametrize("kind", MAKERS)
def test_damaged_layers(tmp_path: Path, kind: str) -> None:
    """Small files are almost all structure, so that damage reaches every attribute."""
    path = tmp_path / "damaged.tflite"
    content = random_case(kind, 3).content
    counts = Counter(outcome(path, damaged) for damaged in random_damage(content, range(120)))
    assert counts["refused"] > 0
    assert counts["ran"] > 0
