"""Whole files of every kind that npusim reads: what damage begins with."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import npusim
from npusim.compiler.compile import compile_checked
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.tasks import ModelFile, Outcome
from npusim.isa.assembly import disassemble
from npusim.quant.export import model_of
from tests.conftest import DIGITS, ROOT, SHARED
from tests.operators.drawn import every_drawn
from tests.simulator.random_layers import MAKERS, random_case

DRAWN = 2
"""Files of each kind that a test of an operator draws."""
SMALL_BYTES = 1 << 16
"""Longer files of the corpus are left out: what they take is work, not damage."""
SCHEMES = (("uniform", 8), ("uniform", 4), ("pwlq", 4), ("subset", 4), ("multipoint", 4))


def seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (ending, content) of whole files; `folder` is for what can only be written."""
    for kind in MAKERS:
        yield ".tflite", random_case(kind, 1).content
    for drawn in every_drawn().values():
        for seed in range(DRAWN):
            yield drawn.ending, drawn.content(seed)
    for part in ("corpus/onnx", "corpus/operators", "faults/coverage"):
        for path in sorted((SHARED / part).glob("*")):
            if path.suffix in (".onnx", ".tflite") and path.stat().st_size <= SMALL_BYTES:
                yield path.suffix, path.read_bytes()
    yield ".onnx", (DIGITS / "digits_float.onnx").read_bytes()
    network = npusim.load(DIGITS / "digits_float.onnx")
    with np.load(DIGITS / "digits_train.npz") as train:
        x = train["x"][:8]
    for scheme, bits in SCHEMES:
        made = npusim.quantize(network, x, scheme=scheme, bits=bits, encoder="nearest")
        yield ".onnx", model_of(made).SerializeToString(deterministic=True)
        program = compile_checked(made, "base" if scheme != "uniform" else "nano")
        yield ".npu", program.to_bytes()
    yield ".s", disassemble((*program.instructions[:60], program.instructions[-1])).encode()
    for hostile in sorted((SHARED / "faults" / "hostile").glob("*")):
        if hostile.suffix in (".onnx", ".tflite", ".toml", ".s"):
            yield hostile.suffix, hostile.read_bytes()
    for machine in sorted((ROOT / "npusim" / "machines").glob("*.toml")):
        if machine.stem != "prices":
            yield ".toml", machine.read_bytes()
    yield ".toml", (ROOT / "benchmarks" / "sweep_200.toml").read_bytes()
    yield ".toml", b'scheme = "subset"\nbits = 4\n[layers]\nstem = "uniform:8"\n'
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, x=np.arange(128, dtype=np.float32).reshape(2, 64), y=np.array([0, 1]))
        yield ".npz", file.getvalue()
    file = io.BytesIO()
    np.save(file, np.zeros((1, 64), np.float32))
    yield ".npy", file.getvalue()
    file = io.BytesIO()
    Image.new("RGB", (9, 11)).save(file, "png")
    yield ".png", file.getvalue()
    results = folder / "seed.csv"
    with Journal(results, resume=False) as journal:
        journal.add("a", Outcome({"cycles": 5}, "", True))
        journal.add("b", Outcome({}, "an error", False))
        journal.add("c", Outcome({"x": 1.5}, "", True, ModelFile("m.onnx", b"model")))
    yield ".sqlite", (folder / "seed.csv.sweep" / "journal.sqlite").read_bytes()
