"""An event's crc is of bytes and of their places."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from npusim.isa.spec import SPACES
from npusim.simulator.execute.written import crc_of, pad_crc, registers_crc, table_crc

WORDS = np.arange(8, dtype=np.uint8).reshape(2, 4)


def test_a_place_stands_before_its_bytes() -> None:
    expected = struct.pack("<BI4sBI4s", 0, 7, bytes(range(4)), 0, 9, bytes(range(4, 8)))
    assert crc_of("ACT", np.array([7, 9]), WORDS) == zlib.crc32(expected)
    assert crc_of("ACT", np.zeros(0, np.int64), np.zeros((0, 4), np.uint8)) == 0


@pytest.mark.parametrize("space", SPACES)
def test_the_same_bytes_elsewhere_have_another_crc(space: str) -> None:
    places = [(space, 7, 9), (space, 9, 7), (space, 7, 8)]
    places += [(other, 7, 9) for other in SPACES if other != space]
    found = {crc_of(where, np.array([a, b]), WORDS) for where, a, b in places}
    assert len(found) == len(places)


def test_addresses_wrap_as_the_machine_wraps_them() -> None:
    assert pad_crc("ACT", np.array([-1, 65536]), WORDS) == crc_of(
        "ACT", np.array([65535, 0]), WORDS
    )
    whole = np.zeros((65, 4), np.uint8)
    assert table_crc(whole) == crc_of("TABLE", np.arange(65) % 64, whole)


def test_a_cfg_names_its_registers() -> None:
    words = struct.pack("<BIIBIIBII", 6, 5, 1, 6, 6, 2, 6, 7, 3)
    assert registers_crc(5, (1, 2, 3)) == zlib.crc32(words)
