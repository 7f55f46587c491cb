"""LDs and STs of a run that is repeated: whole rows at a time. The witness: transfer.py."""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import entry, scalar
from npusim.kernels.entry import array_at

CALL = (
    "source", "blocks", "rows", "columns", "held", "row_stride", "block_stride", "top", "bottom",
    "left", "right", "address", "act_row", "act_block", "fill", "width",
)  # fmt: skip
"""A LD or ST in bytes: `source` in DRAM, `address` in ACT, `held` of an element of `width`."""
(
    SOURCE, BLOCKS, ROWS, COLUMNS, HELD, ROW_STRIDE, BLOCK_STRIDE, TOP, BOTTOM,
    LEFT, RIGHT, ADDRESS, ACT_ROW, ACT_BLOCK, FILL, WIDTH,
) = range(len(CALL))  # fmt: skip


@scalar
def copy_bytes(to, source, count):
    """Copy `count` bytes from address `source` to address `to`."""
    target, origin = array_at(to, count, np.uint8), array_at(source, count, np.uint8)
    for i in range(np.uintp(count)):
        target[i] = origin[i]


@scalar
def fill_bytes(to, count, value):
    """Write `count` bytes of `value` from address `to` on."""
    target = array_at(to, count, np.uint8)
    for i in range(np.uintp(count)):
        target[i] = np.uint8(value)


@entry
def load(dram, act, description, first, end):
    """Carry out a LD to ACT."""
    g = array_at(description, len(CALL), np.int64)
    width, held, fill = g[WIDTH], g[HELD], g[FILL]
    line = (g[LEFT] + g[COLUMNS] + g[RIGHT]) * width
    for block in range(g[BLOCKS]):
        source = dram + g[SOURCE] + block * g[BLOCK_STRIDE]
        to = act + g[ADDRESS] + block * g[ACT_BLOCK]
        for _ in range(g[TOP]):
            fill_bytes(to, line, fill)
            to += g[ACT_ROW]
        for _ in range(g[ROWS]):
            inner = to + g[LEFT] * width
            fill_bytes(to, g[LEFT] * width, fill)
            if held == width:
                copy_bytes(inner, source, g[COLUMNS] * width)
            else:
                for x in range(g[COLUMNS]):
                    copy_bytes(inner + x * width, source + x * held, held)
                    fill_bytes(inner + x * width + held, width - held, fill)
            fill_bytes(inner + g[COLUMNS] * width, g[RIGHT] * width, fill)
            source += g[ROW_STRIDE]
            to += g[ACT_ROW]
        for _ in range(g[BOTTOM]):
            fill_bytes(to, line, fill)
            to += g[ACT_ROW]
    return 1


@entry
def store(dram, act, description, first, end):
    """Carry out a ST."""
    g = array_at(description, len(CALL), np.int64)
    width, held = g[WIDTH], g[HELD]
    for block in range(g[BLOCKS]):
        for row in range(g[ROWS]):
            to = dram + g[SOURCE] + block * g[BLOCK_STRIDE] + row * g[ROW_STRIDE]
            source = act + g[ADDRESS] + block * g[ACT_BLOCK] + row * g[ACT_ROW]
            if held == width:
                copy_bytes(to, source, g[COLUMNS] * width)
            else:
                for x in range(g[COLUMNS]):
                    copy_bytes(to + x * held, source + x * width, held)
    return 1
