"""Damaged files in npusim's own form: one line, never a traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import npusim
from npusim.errors import NpuError
from npusim.quant.export import model_of
from npusim.quant.options import as_published
from npusim.quant.quantize import prepare, quantize_prepared
from tests.quant.networks import every_operator

DAMAGES = 600


def test_every_damage_is_one_line(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    prepared = prepare(every_operator(), random.normal(size=(6, 3, 9, 8)))
    network = quantize_prepared(prepared, as_published(scheme="multipoint", bits=3)).network
    whole = model_of(network).SerializeToString(deterministic=True)
    path, messages = tmp_path / "damaged.onnx", []
    for i in range(DAMAGES):
        content = bytearray(whole)
        if i % 10 == 0:
            content = content[: random.integers(1, len(content))]
        else:
            for _ in range(random.integers(1, 4)):
                content[random.integers(len(content))] = random.integers(256)
        path.write_bytes(content)
        try:
            npusim.load(path)
        except NpuError as error:
            messages.append(str(error))
    assert len(messages) > DAMAGES * 0.9
    assert not any("\n" in message for message in messages)
