"""Layouts in DRAM and WGT against the formulas of docs/architecture.md, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import ShapeError
from npusim.isa import layout


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 8, 10, 16, 17, 31, 40])
@pytest.mark.parametrize(("size", "bus_bytes"), [(4, 4), (8, 4), (16, 8), (16, 4)])
def test_each_byte_lies_where_the_formula_says(channels, size, bus_bytes):
    height, width = 3, 5
    rng = np.random.default_rng(channels)
    values = rng.integers(-128, 128, (height, width, channels)).astype(np.int8)
    data = layout.pack(values, size, bus_bytes)
    assert len(data) == layout.tensor_bytes(height, width, channels, size, bus_bytes)
    assert len(data) % bus_bytes == 0
    for h in range(height):
        for w in range(width):
            for c in range(channels):
                b = c // size
                beats = min(size // bus_bytes, -(-(channels - b * size) // bus_bytes))
                at = b * height * width * size + (h * width + w) * beats * bus_bytes + c % size
                assert data[at] == int(values[h, w, c]) & 0xFF
    back = layout.unpack(data, height, width, channels, size, bus_bytes)
    assert np.array_equal(back.view(np.int8), values)


def test_a_wrong_length_is_named():
    with pytest.raises(ShapeError, match="expected 8 bytes, found 4"):
        layout.unpack(bytes(4), 1, 2, 3, 4, 4)


@pytest.mark.parametrize("code_bits", range(1, 9))
@pytest.mark.parametrize("rows", [1, 3, 4, 7, 16])
def test_weight_tiles_are_bit_streams_by_column(code_bits, rows):
    size = 16
    codes = np.random.default_rng(rows).integers(0, 1 << code_bits, (rows, size)).astype(np.uint8)
    data = layout.pack_weight_tiles(codes[None], code_bits)
    assert len(data) == -(-rows * code_bits // 8) * size
    for column in range(size):
        stream = int.from_bytes(data[column::size], "little")
        for row in range(rows):
            assert stream >> row * code_bits & ((1 << code_bits) - 1) == codes[row, column]
        assert stream >> rows * code_bits == 0
    assert np.array_equal(layout.unpack_weight_tile(data, rows, code_bits, size), codes)
    other = codes ^ 1
    both = layout.pack_weight_tiles(np.stack([codes, other]), code_bits)
    assert both == data + layout.pack_weight_tiles(other[None], code_bits)


def test_parameters_of_a_block():
    words = layout.pack_parameters(
        np.array([[7, 2**31 - 1]]),
        np.array([-1, 2**40 + 5]),
        np.array([0, 62]),
        np.array([15, 1]),
        4,
    )
    lanes = np.frombuffer(words, "<u4").reshape(4, 4)
    assert lanes[:, 0].tolist() == [0xFFFFFFFF, 0xFFFFFFFF, 15 << 8, 7]
    assert lanes[:, 1].tolist() == [5, 1 << 8, 62 | 1 << 8, 2**31 - 1]
    assert not lanes[:, 2:].any()
