"""Calls by address: a prepared network runs again as a table of integers.

A call of a compiled function from Python costs as much as a small layer. An entry therefore takes
nothing but integers, addresses among them, so that a row of a table says all about a call:

    [address of the entry, x, y, description, first, end]

The arrays behind the addresses are the caller's to keep alive.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from npusim.datapath.jit import entry, kernel, scalar

ROW_WORDS = 6

Call = tuple[int, ...] | Callable[[], object]
"""A bound call: a row of a table, or a function where there is no entry."""


@intrinsic
def _pointer(typingctx, address):
    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), codegen


@scalar
def array_at(address, count, dtype):
    """Return the `count` values of `dtype` at `address`, as an array."""
    return carray(_pointer(address), count, dtype)


@intrinsic
def call_at(typingctx, entry, x, y, description, first, end):
    """Call the entry at address `entry`."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word] * (ROW_WORDS - 1))
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.intp(*([types.intp] * ROW_WORDS)), codegen


@entry
def walk_table(table, y, description, first, end):
    """Make calls first .. end - 1 of the table at address `table`: a table as a row of another."""
    rows = array_at(table, end * ROW_WORDS, np.int64)
    for i in range(first, end):
        at = i * ROW_WORDS
        if not call_at(
            rows[at], rows[at + 1], rows[at + 2], rows[at + 3], rows[at + 4], rows[at + 5]
        ):
            return 0
    return 1


@kernel
def make_calls(table):
    """Make the calls of `table` int64 [calls ROW_WORDS], one after the other."""
    for i in range(table.shape[0]):
        if not call_at(
            table[i, 0], table[i, 1], table[i, 2], table[i, 3], table[i, 4], table[i, 5]
        ):
            raise MemoryError


@kernel
def call(entry, x, y, description, first, end):
    """Call the entry at address `entry` with the addresses of the arrays."""
    if not call_at(entry, x.ctypes.data, y.ctypes.data, description.ctypes.data, first, end):
        raise MemoryError
