"""Add, multiply and lookup over flat arrays of 8-bit integers; constants come as int64 arrays."""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import kernel
from npusim.datapath.lookup import lookup
from npusim.datapath.requantize import TFLITE, clamp, requantize_total, round_shift


@kernel
def add_three_step(a, b, constants, y):
    """TFLite's ADD; constants: left shift, M1 M2 Mo, s1 s2 so, z1 z2 zo, low, high."""
    left, m1, m2, mo, s1, s2, so, z1, z2, zo, low, high = constants
    for i in range(len(y)):
        first = round_shift(TFLITE, ((np.int64(a[i]) - z1) << left) * m1, s1)
        second = round_shift(TFLITE, ((np.int64(b[i]) - z2) << left) * m2, s2)
        y[i] = clamp(round_shift(TFLITE, (first + second) * mo, so) + zo, low, high)


@kernel
def add_on_line(a, b, constants, y):
    """ADD without its roundings between; constants: M1 M2 (int32), bias, shift, low, high.

    Whoever makes the constants knows that no pair of bytes gives another y than ADD itself.
    """
    m1, m2 = np.int32(constants[0]), np.int32(constants[1])
    bias, shift, low, high = constants[2], constants[3], constants[4], constants[5]
    for i in range(np.uintp(len(y))):
        first = np.int64(m1) * np.int64(np.int32(a[i]))
        total = first + np.int64(m2) * np.int64(np.int32(b[i])) + bias
        y[i] = clamp(total >> shift, low, high)


@kernel
def add_two_terms(a, b, constants, y):
    """ADD as one epilogue of two terms; constants: M1 M2, bias, shift, mode, zo, low, high."""
    m1, m2, bias, shift, mode, zo, low, high = constants
    for i in range(len(y)):
        total = bias + m1 * np.int64(a[i]) + m2 * np.int64(b[i])
        y[i] = requantize_total(total, mode, shift, zo, low, high)


@kernel
def multiply(a, b, constants, y):
    """Elementwise product; constants: z1 z2, M, shift, mode, zo, low, high."""
    z1, z2, m, shift, mode, zo, low, high = constants
    for i in range(len(y)):
        total = m * ((np.int64(a[i]) - z1) * (np.int64(b[i]) - z2))
        y[i] = requantize_total(total, mode, shift, zo, low, high)


@kernel
def lookup_bytes(x, table, y):
    """Fill y with the table's entries of the bytes of x."""
    for i in range(len(y)):
        y[i] = lookup(x[i] & 255, table)


@kernel
def lookup_pairs(a, b, table, y):
    """Fill y with the table's entries of the bytes of a (upper) and b (lower)."""
    for i in range(len(y)):
        y[i] = table[(np.int64(a[i]) & 255) << 8 | np.int64(b[i]) & 255]
