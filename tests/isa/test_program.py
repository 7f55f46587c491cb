"""Program files: what is read back, and damage named instead of believed."""

from __future__ import annotations

import dataclasses
import random

import pytest

from npusim.errors import FormatError, NpuError
from npusim.isa.encoding import instruction
from npusim.isa.program import Layer, Place, Program, Region, Step
from npusim.machines import Machine

PROGRAM = Program(
    name="toy",
    machine=Machine.load("nano"),
    requant="half_up",
    samples=1,
    instructions=(instruction("FENCE"), instruction("HALT", code=3)),
    regions=(Region("constants", 16, bytes(range(16))), Region("tensors", 5000)),
    places=(Place("x", "int8", (1, 2, 2, 3), (0, 1, 2, 3), 2, 2, 3, 1, 0),),
    inputs=("x",),
    outputs=("x",),
    steps=(Step("run", 0, 2), Step("host", node="softmax")),
    layers=(Layer("l", "Conv2D", 0, 1, 12, "x"),),
)


def test_the_file_goes_round(tmp_path):
    path = tmp_path / "toy.npu"
    PROGRAM.save(path)
    assert Program.load(path) == PROGRAM
    assert Program.load(path).to_bytes() == path.read_bytes()


def test_regions_start_at_pages_and_code_follows():
    assert PROGRAM.region_addresses() == (0, 4096)
    assert PROGRAM.code_address() == 4096 + 8192
    assert len(PROGRAM.code(PROGRAM.steps[0])) == 128


def test_any_damage_is_named():
    data = PROGRAM.to_bytes()
    rng = random.Random(1)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << rng.randrange(8)
        with pytest.raises(FormatError):
            Program.from_bytes(bytes(damaged))
    for length in range(0, len(data), 7):
        with pytest.raises(FormatError):
            Program.from_bytes(data[:length])


def test_a_header_that_lies_is_named():
    import hashlib
    import json

    data = PROGRAM.to_bytes()
    size = int.from_bytes(data[12:16], "little")
    header = json.loads(data[16 : 16 + size])
    for key in header:
        for value in (None, -1, "x", [1], {"a": 1}, [{"a": 1}]):
            text = json.dumps({**header, key: value}).encode()
            body = data[:12] + len(text).to_bytes(4, "little") + text + data[16 + size : -32]
            try:
                loaded = Program.from_bytes(body + hashlib.sha256(body).digest())
            except NpuError:
                continue
            assert key in ("name", "requant"), (key, value)
            assert loaded != PROGRAM


def test_parts_point_inside():
    with pytest.raises(FormatError, match="is outside 2 instructions"):
        dataclasses.replace(PROGRAM, steps=(Step("run", 1, 2),))
    with pytest.raises(FormatError, match="tensor y has no place in DRAM"):
        dataclasses.replace(PROGRAM, outputs=("y",))
