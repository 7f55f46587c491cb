"""RQs of a run that is repeated: constants decoded once, sixteen lanes at a time.

The witness is epilogue.py; the vector form is that of the kernels engine (kernels/epilogue.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, scalar
from npusim.datapath.merge_regions import merge_regions
from npusim.datapath.subtract_zero_point import byte_value
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import LANES, pack_constants, requantize_block
from npusim.runtimes.requantization import Requantization
from npusim.simulator.machine import epilogue as rq
from npusim.simulator.machine import nest
from npusim.simulator.machine.widen import widen
from npusim.words import ROUNDINGS

_FORM, _CONSTANTS, _STRIDE, _GATHERED, _SIZE, _REGIONS, _AS_THEY_LIE = range(rq.COUNT, rq.COUNT + 7)
CALL_WORDS = _AS_THEY_LIE + 1
CHUNK_PIXELS = 64
"""Pixels of gathered terms at a time: those that are not accumulators as they lie."""


def constants_of(
    o: NDArray[np.int64], par: NDArray[np.uint8], first: int
) -> tuple[int, NDArray[np.uint8]]:
    """Return the vector form of RQ `o` and its constants, from word `first` of `par` on.

    Rows of bytes: one for LANES lanes of a channel block, block after block.
    """
    words = int(o[nest.B] * (PAR_HEADER_WORDS + o[rq.TERMS]))
    lanes = par[first : first + words].view("<u4").astype(np.int64)
    lanes = lanes.reshape(o[nest.B], PAR_HEADER_WORDS + o[rq.TERMS], -1)
    bias = (lanes[:, 1] & rq.MULTIPLIER_MASK) << 32 | lanes[:, 0]
    shift = (lanes[:, 2] & 63) + (lanes[:, 2] >> 8 & 15)
    multipliers = lanes[:, PAR_HEADER_WORDS:].swapaxes(0, 1) & rq.MULTIPLIER_MASK
    return pack_constants(
        Requantization(
            multipliers.reshape(o[rq.TERMS], -1),
            ((bias ^ rq.BIAS_SIGN) - rq.BIAS_SIGN).ravel(),
            shift.ravel(),
            ROUNDINGS[o[nest.ROUNDING]],
            int(o[nest.ZERO_POINT]),
            int(o[nest.LOW]),
            int(o[nest.HIGH]),
        ),
        int(o[nest.B]),
    )


@scalar
def gather(g, act_address, acc_address, count, line):
    """Lay the terms of `count` pixels [pixels terms line] where constants are met in that order."""
    size, regions, terms = g[_SIZE], g[_REGIONS], g[rq.TERMS]
    act_step, acc_step = nest.step(g, nest.X, nest.ACT), nest.step(g, nest.X, nest.ACC)
    gathered = array_at(g[_GATHERED], count * terms * line, np.int32)
    for x in range(count):
        for j in range(terms):
            to = (x * terms + j) * line
            if (g[rq.ACT_TERMS] >> j) & 1:
                at = act_address + (x * act_step + j * g[rq.TERM_ACT]) * size
                word = array_at(at, size, np.uint8)
                for c in range(size):
                    gathered[to + c] = byte_value(widen(word[c]), g[nest.UNSIGNED])
                continue
            at = acc_address + (x * acc_step + j * g[rq.TERM_ACC]) * regions * size * 4
            sums = array_at(at, regions * size, np.int32)
            for c in range(size):
                if not g[rq.PWLQ]:
                    gathered[to + c] = sums[c]
                elif j > 0:
                    gathered[to + c] = sums[size + c]
                else:
                    gathered[to + c] = merge_regions(
                        widen(sums[c]), widen(sums[2 * size + c]), g[rq.PWLQ_BITS]
                    )


class Requantizer:
    """Decodes RQs to rows of integers; keeps what their addresses point at."""

    def __init__(self, size: int, acc_regions: int) -> None:
        self.size, self.acc_regions = size, acc_regions
        self.constants: dict[tuple[object, ...], tuple[int, NDArray[np.uint8]]] = {}
        width = -(-size // LANES) * LANES
        self.gathered = np.zeros(CHUNK_PIXELS * 4 * width, np.int32)

    def row(
        self, o: NDArray[np.int64], par: NDArray[np.uint8], source: object, first: int
    ) -> list[int]:
        """Return the CALL_WORDS of RQ `o`, whose constants begin at word `first` of `par`.

        `source` names the contents of those words: equal sources are decoded once.
        """
        key = (source, int(o[nest.B]), int(o[rq.TERMS]), int(o[nest.ROUNDING]))
        if key not in self.constants:
            self.constants[key] = constants_of(o, par, first)
        form, packed = self.constants[key]
        as_they_lie = int(not o[rq.PWLQ] and o[rq.ACT_TERMS] & ((1 << int(o[rq.TERMS])) - 1) == 0)
        return [
            *o.tolist(), form, packed.ctypes.data, packed.shape[1],
            self.gathered.ctypes.data, self.size, self.acc_regions, as_they_lie,
        ]  # fmt: skip


@entry
def requantize(act_address, acc_address, description, first, end):
    """Carry out a RQ."""
    g = array_at(description, CALL_WORDS, np.int64)
    size, regions, terms = g[_SIZE], g[_REGIONS], g[rq.TERMS]
    blocks = (size + LANES - 1) // LANES
    line, word = blocks * LANES, regions * size * 4
    acc_step, out_step = nest.step(g, nest.X, nest.ACC), nest.step(g, nest.X, nest.OUT)
    for b in range(g[nest.B]):
        for y in range(g[nest.Y]):
            x = 0
            while x < g[nest.X]:
                count = g[nest.X] - x
                at = acc_address + nest.word(g, nest.ACC, b, y, x) * word
                out = act_address + nest.word(g, nest.OUT, b, y, x) * size
                stride, plane = acc_step * word, g[rq.TERM_ACC] * word
                if not g[_AS_THEY_LIE]:
                    count = min(count, CHUNK_PIXELS)
                    act = act_address + nest.word(g, nest.ACT, b, y, x) * size
                    gather(g, act, at, count, line)
                    at, stride, plane = g[_GATHERED], terms * line * 4, line * 4
                for block in range(blocks):
                    requantize_block(
                        g[_FORM], count, at + block * LANES * 4, stride, plane, terms,
                        g[_CONSTANTS] + (b * blocks + block) * g[_STRIDE], g[nest.ZERO_POINT],
                        g[nest.LOW], g[nest.HIGH], out + block * LANES, out_step * size,
                        min(LANES, size - block * LANES),
                    )  # fmt: skip
                x += count
    return 1
