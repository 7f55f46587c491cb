"""How a tensor H W C lies in DRAM: channel blocks of SIZE, pixels row-major, whole beats.

    byte of (h, w, c) = b*H*W*SIZE + (h*W + w)*element_bytes(b) + c % SIZE,     b = c // SIZE

element_bytes(b) is SIZE, but in the last block only as many bytes as its channels need, in whole
beats. docs/architecture.md, section 1, is the law.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError


def element_bytes(channels: int, block: int, size: int, bus_bytes: int) -> int:
    """Return the bytes of one pixel in channel block `block`."""
    held = min(size, channels - block * size)
    return -(-held // bus_bytes) * bus_bytes


def tensor_bytes(height: int, width: int, channels: int, size: int, bus_bytes: int) -> int:
    """Return the bytes that a tensor occupies."""
    last = (channels - 1) // size
    return height * width * (last * size + element_bytes(channels, last, size, bus_bytes))


def pack(values: NDArray, size: int, bus_bytes: int) -> bytes:
    """Return int8 or uint8 `values` [H W C] as they lie in DRAM; lanes beyond C hold 0."""
    height, width, channels = values.shape
    pixels, whole = height * width, (channels - 1) // size
    flat = np.ascontiguousarray(values).view(np.uint8).reshape(pixels, channels)
    last = element_bytes(channels, whole, size, bus_bytes)
    stored = np.zeros(pixels * (whole * size + last), np.uint8)
    blocks = stored[: pixels * whole * size].reshape(whole, pixels, size)
    blocks[:] = flat[:, : whole * size].reshape(pixels, whole, size).swapaxes(0, 1)
    rest = stored[pixels * whole * size :].reshape(pixels, last)
    rest[:, : channels - whole * size] = flat[:, whole * size :]
    return stored.tobytes()


def unpack(
    data: bytes | NDArray, height: int, width: int, channels: int, size: int, bus_bytes: int
) -> NDArray[np.uint8]:
    """Return the values [H W C], as uint8 bit patterns, that `pack` laid into `data`.

    Raises
    ------
    ShapeError
        `data` is not as long as the tensor.
    """
    stored = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
    expected = tensor_bytes(height, width, channels, size, bus_bytes)
    if len(stored) != expected:
        raise ShapeError(f"tensor in DRAM: expected {expected} bytes, found {len(stored)}")
    pixels, whole = height * width, (channels - 1) // size
    values = np.empty((pixels, channels), np.uint8)
    blocks = stored[: pixels * whole * size].reshape(whole, pixels, size)
    values[:, : whole * size].reshape(pixels, whole, size)[:] = blocks.swapaxes(0, 1)
    last = element_bytes(channels, whole, size, bus_bytes)
    rest = stored[pixels * whole * size :].reshape(pixels, last)
    values[:, whole * size :] = rest[:, : channels - whole * size]
    return values.reshape(height, width, channels)


Count = TypeVar("Count", int, NDArray[np.int64])


def weight_tile_words(rows: Count, code_bits: Count) -> Count:
    """Return the WGT words of a tile of `rows` codes a column, each of `code_bits` bits."""
    return -(-rows * code_bits // 8)


def pack_weight_tiles(codes: NDArray[np.uint8], code_bits: int) -> bytes:
    """Return weight tiles `codes` [T rows SIZE] of `code_bits` bits as WGT words, tile after tile.

    Byte c of a tile's words, one after the other, is a bit stream of column c's codes, LSB first.
    """
    tiles, rows, size = codes.shape
    if code_bits == 8:
        return codes.tobytes()
    words = weight_tile_words(rows, code_bits)
    stream = np.zeros((tiles, words * 8, size), np.uint8)
    shifts = np.arange(code_bits, dtype=np.uint8)[:, None]
    bits = (codes[:, :, None, :] >> shifts) & np.uint8(1)
    stream[:, : rows * code_bits] = bits.reshape(tiles, rows * code_bits, size)
    packed = np.packbits(stream.reshape(tiles, words, 8, size), axis=2, bitorder="little")
    return packed.tobytes()


def unpack_weight_tile(data: bytes, rows: int, code_bits: int, size: int) -> NDArray[np.uint8]:
    """Return the codes [rows SIZE] of one tile that `pack_weight_tiles` packed."""
    words = np.frombuffer(data, np.uint8).reshape(-1, 1, size)
    stream = np.unpackbits(words, axis=1, bitorder="little").reshape(-1, size)
    bits = stream[: rows * code_bits].reshape(rows, code_bits, size)
    return np.sum(bits << np.arange(code_bits, dtype=np.uint8)[:, None], axis=1, dtype=np.uint8)


def pack_parameters(
    multipliers: NDArray, bias: NDArray, shift: NDArray, channel_shift: NDArray, size: int
) -> bytes:
    """Return the PAR words of one channel block: multipliers [J C], the others [C], C <= SIZE."""
    lanes = np.zeros((3 + len(multipliers), size), np.uint32)
    channels = len(bias)
    lanes[0, :channels] = bias & 0xFFFF_FFFF
    lanes[1, :channels] = (bias >> 32) & 0xFFFF_FFFF
    lanes[2, :channels] = shift | channel_shift << 8
    lanes[3:, :channels] = multipliers
    return lanes.astype("<u4").tobytes()
