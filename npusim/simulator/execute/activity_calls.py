"""The entry that counts a MAC's operand activity (simulator/activity.py), word by word."""

from __future__ import annotations

import numpy as np

from npusim.codes import REGIONS
from npusim.datapath.jit import entry, kernel
from npusim.kernels.entry import array_at
from npusim.simulator.execute.activity_word import padded_columns, word_activity
from npusim.simulator.execute.call_record import record
from npusim.simulator.execute.plain import mac

REGISTERS = 2
"""Of a PE: its operand and its product."""
COUNTED = record(
    "weights", "features", "pe_registers", "sum_registers", "act_words",
    before=mac.OPERANDS,
)  # fmt: skip
"""A MAC's operands, and addresses of what Activity (simulator/activity.py) keeps."""


@kernel
def decode(wgt, operands, i, table, weights):
    """Fill weights int16 [tiles rows regions+1 columns] of MAC number `i` of `operands`.

    wgt [words SIZE]; table [codes regions+1] is digit_table; columns beyond SIZE stay as they are.
    """
    o = operands[i]
    for tile in range(weights.shape[0]):
        first = o.wgt + tile * o.tile_words
        for row in range(o.rows):
            for c in range(wgt.shape[1]):
                code = mac.code_at(wgt, first, c, row, o.code_bits)
                for plane in range(table.shape[1]):
                    weights[tile, row, plane, c] = table[code, plane]


@kernel
def array_activity(now, weights, product_bits, sum_bits, pe_registers, sum_registers, features):
    """Add the activity of one word to features [FEATURES]; arrays are those of word_activity.

    Every column has operands of its own, and weights of all regions.
    """
    rows, columns = now.shape
    word_activity(
        now.ctypes.data, True, weights.ctypes.data, rows, REGIONS, columns, product_bits, sum_bits,
        pe_registers.ctypes.data, sum_registers.ctypes.data, features.ctypes.data,
    )  # fmt: skip


@entry
def count(act_address, unused, description, first, end):
    """Add the activity of a MAC to its features, and move the array's registers on."""
    o = array_at(description, 1, COUNTED)[0]
    rows, size, product_bits = o.array_rows, o.lanes, o.product_bits
    columns = padded_columns(size)
    act = array_at(act_address, (o.act_words, size), np.uint8)
    sum_bits = product_bits
    while 1 << (sum_bits - product_bits) < rows:
        sum_bits += 1
    now = np.zeros((rows, columns), np.int32)
    apart = size if o.depthwise else 1  # columns whose operands differ
    shifted = now[:, :apart].T
    weights = o.weights
    for ob, cb, kh, kw in np.ndindex(o.ob, o.cb, o.kh, o.kw):
        base = mac.tile_base(o, ob, cb, kh, kw)
        for y in range(o.y):
            for x in range(o.x):
                mac.shift_in(act, base, y, x, cb, o, shifted)
                word_activity(
                    now.ctypes.data, apart > 1, weights, rows, o.regions, size, product_bits,
                    sum_bits, o.pe_registers, o.sum_registers, o.features,
                )  # fmt: skip
        weights += rows * (o.regions + 1) * columns * 2
    return 1
