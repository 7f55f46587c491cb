"""The physical limit of the linear layers: products a second of the instruction that sums them.

The instruction alone, in a loop that reads no memory, on as many independent sums as hide its
latency: what no layer exceeds on this processor at the clock that it has now.
"""

from __future__ import annotations

import time

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from npusim.kernels import gemm_amx
from npusim.kernels.gemm_tile import DOTS, I16, I32, I64, dot_words, tile_lanes

SUMS, ROUNDS, TRIALS = 12, 20_000, 25


def _vector_loop(form: str):  # type: ignore[no-untyped-def]
    """Return an intrinsic (rounds) -> a sum of all lanes, and the products of a round."""
    lanes, dot = tile_lanes(form), DOTS[form]
    vector = ir.VectorType(I32, lanes)
    operand = ir.VectorType(I16, 2 * lanes) if dot == "s16s16" else vector

    @intrinsic
    def loop(typingctx, rounds):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            zero = ir.Constant(vector, None)
            sums = [cgutils.alloca_once_value(builder, zero) for _ in range(SUMS)]
            with cgutils.for_range(builder, args[0]) as counted:
                seed = builder.trunc(counted.index, I32)  # else products were made once for all
                word = builder.insert_element(zero, seed, ir.Constant(I32, 0))
                x = builder.bitcast(word, operand)
                for total in sums:
                    before = builder.load(total)
                    builder.store(dot_words(builder, dot, before, x, x), total)
            whole = builder.load(sums[0])
            for total in sums[1:]:
                whole = builder.add(whole, builder.load(total))
            return builder.sext(builder.extract_element(whole, ir.Constant(I32, 0)), I64)

        return types.intp(types.intp), codegen

    return loop, SUMS * lanes * (2 if dot == "s16s16" else 4)


@intrinsic
def _tile_loop(typingctx, rounds):  # type: ignore[no-untyped-def]
    """Multiply four tiles of sums in each of `rounds` rounds."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        with cgutils.for_range(builder, args[0]):
            for number in range(gemm_amx.WIDEST):
                tiles = [gemm_amx._tile(n) for n in (number, gemm_amx.A, gemm_amx.FIRST_B)]
                gemm_amx._instruction(builder, "tdpbusd", *tiles)
        return args[0]

    return types.intp(types.intp), codegen


def peak(form: str) -> float:
    """Return GMAC/s of the instruction of `form`, one of vnni.available_forms() but `plain`."""
    if form == "amx":
        shapes = gemm_amx.configuration(gemm_amx.ROWS)
        address = shapes.ctypes.data
        products = gemm_amx.WIDEST * gemm_amx.ROWS * gemm_amx.STEPS * gemm_amx.LINE_BYTES

        @njit
        def run(rounds: int) -> int:
            gemm_amx.configure(address)
            found = _tile_loop(rounds)
            gemm_amx.release()
            return found
    else:
        loop, products = _vector_loop(form)

        @njit
        def run(rounds: int) -> int:
            return loop(rounds)

    run(1)
    times = []
    for _ in range(TRIALS):
        start = time.thread_time()
        run(ROUNDS)
        times.append(time.thread_time() - start)
    return float(products * ROUNDS / np.min(times) / 1e9)
