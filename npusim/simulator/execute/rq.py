"""RQs as calls: constants decoded once, sixteen lanes at a time.

The witness is plain/rq.py; the vector forms are those of the kernels engine (kernels/epilogue.py),
whose sums do not wrap at 63 bits. What a compiler writes fits; where what PAR and ACC hold may not,
the plain form runs; so it does in the float32 requantizer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, scalar, specialized
from npusim.datapath.mac_uniform import ACC_BITS
from npusim.datapath.merge_regions import merge_regions
from npusim.datapath.subtract_zero_point import byte_value
from npusim.isa.instructions import rq
from npusim.isa.page import Group
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import LANES
from npusim.kernels.epilogue_entry import packed_integers, requantize_block
from npusim.kernels.epilogue_high import LEAST_SHIFT
from npusim.machines import Machine
from npusim.runtimes.requantization import Requantization
from npusim.simulator.execute.call_record import Call, address_of, record, records
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain import rq as plain
from npusim.simulator.execute.plain.widen import widen
from npusim.simulator.execute.plain.word_nest import acc_word, act_word, out_word
from npusim.words import ROUNDINGS

CALL = record(
    "constants", "stride", "gathered", "size", "regions", "as_they_lie",
    before=plain.OPERANDS,
)  # fmt: skip
"""A RQ's operands, and what it is prepared to; `as_they_lie`: all its terms are accumulators."""
CHUNK_PIXELS = 64
"""Pixels of gathered terms at a time: those that are not accumulators as they lie."""
SHIFT_MAX = 62
BYTE_PEAK = 255
TOTAL_BOUND = 1 << 61
"""|T| that a vector form takes, with room for what rounding adds."""


class Requantizations:
    """The RQs of a program on `state`; keeps what the addresses in their records point at."""

    def __init__(self, group: Group, machine: Machine, state: State) -> None:
        self.state, self.size = state, machine.size
        terms = [n for n in rq.nests(group, machine) if not n.is_write and n.scratchpad != "PAR"]
        self.terms = [(n, n.bounds() if n.scratchpad == "ACC" else None) for n in terms]
        self.constants: dict[tuple[object, ...], tuple[str, NDArray[np.uint8], int, list[int]]] = {}
        width = -(-self.size // LANES) * LANES
        self.gathered = np.zeros(CHUNK_PIXELS * 4 * width, np.int32)
        self.rows = rows = records(CALL, plain.operands(group), len(group.pcs))
        used = (1 << np.minimum(rows["terms"], 4)) - 1
        rows["as_they_lie"] = (rows["pwlq"] == 0) & (rows["act_terms"] & used == 0)
        rows["gathered"], rows["size"] = self.gathered.ctypes.data, self.size
        rows["regions"] = machine.acc_regions
        self.prepared = rows["low"] <= rows["high"]

    def call(self, i: int) -> Call | None:
        """Return RQ number `i` as a call, with what PAR now holds; None where it may not fit."""
        o = self.rows[i]
        blocks, terms, rounding = int(o["b"]), int(o["terms"]), int(o["rounding"])
        if rounding == plain.FLOAT32:
            return None
        content = self.state.par[o["par"] : o["par"] + blocks * (PAR_HEADER_WORDS + terms)]
        output = int(o["zero_point"]), int(o["low"]), int(o["high"])
        key = (content.tobytes(), blocks, terms, rounding, *output)
        if key not in self.constants:
            self.constants[key] = decoded(content, blocks, terms, ROUNDINGS[rounding], *output)
        form, packed, bias, multipliers = self.constants[key]
        if not form or bias + self._sum(i, multipliers) >= TOTAL_BOUND:
            return None
        o["constants"], o["stride"] = packed.ctypes.data, packed.shape[1]
        return FORMS[form]().address, *self.state.addresses, address_of(self.rows, i), 0, 0

    def plain(self, i: int, written: NDArray) -> None:
        """Carry out RQ number `i` word by word."""
        state = self.state
        plain.requantize(state.act, state.par, state.acc, self.rows, i, written)

    def _sum(self, i: int, multipliers: list[int]) -> int:
        """Return what the terms of RQ number `i` are at most, with what ACC now holds."""
        o, total = self.rows[i], 0
        terms = [bounds for nest, bounds in self.terms if nest.applies[i]]
        for j, (multiplier, bounds) in enumerate(zip(multipliers, terms, strict=True)):
            peak = BYTE_PEAK
            if bounds is not None:
                sums = self.state.acc[bounds[0][i] : bounds[1][i] + 1]
                most = [max(int(part.max()), -int(part.min())) for part in sums.swapaxes(0, 1)]
                peak = most[0]
                if o["pwlq"]:
                    factor = (1 << int(o["pwlq_bits"]) - 1) - 1
                    peak = most[1] if j else min(most[0] + factor * most[2], 1 << ACC_BITS - 1)
            total += peak * multiplier
        return total


def decoded(
    content: NDArray[np.uint8],
    blocks: int,
    terms: int,
    rounding: str,
    zero_point: int,
    low: int,
    high: int,
) -> tuple[str, NDArray[np.uint8], int, list[int]]:
    """Return vector form, packed constants, the greatest |B| and each term's greatest M.

    The form is empty where none shifts as far.
    """
    lanes = content.view("<u4").astype(np.int64).reshape(blocks, PAR_HEADER_WORDS + terms, -1)
    bias = (lanes[:, 1] & plain.MULTIPLIER_MASK) << 32 | lanes[:, 0]
    bias = ((bias ^ plain.BIAS_SIGN) - plain.BIAS_SIGN).ravel()
    shift = ((lanes[:, 2] & 63) + (lanes[:, 2] >> 8 & 15)).ravel()
    multipliers = lanes[:, PAR_HEADER_WORDS:].swapaxes(0, 1) & plain.MULTIPLIER_MASK
    multipliers = multipliers.reshape(terms, -1)
    peaks = int(abs(bias).max()), multipliers.max(axis=1).tolist()
    if shift.max() > SHIFT_MAX:
        return "", np.empty((0, 0), np.uint8), *peaks
    is_zero = (bias == 0) & ~multipliers.any(axis=0)
    shift[is_zero] = LEAST_SHIFT  # a lane of no channel: zero whatever it shifts
    rule = Requantization(multipliers, bias, shift, rounding, zero_point, low, high)
    return *packed_integers(rule, blocks), *peaks


@scalar
def gather(o, act_address, acc_address, count, line):
    """Lay the terms of `count` pixels [pixels terms line] where constants are met in that order."""
    size, regions, terms = o.size, o.regions, o.terms
    act_step, acc_step = o.x_act, o.x_acc
    gathered = array_at(o.gathered, count * terms * line, np.int32)
    for x in range(count):
        for j in range(terms):
            to = (x * terms + j) * line
            if (o.act_terms >> j) & 1:
                at = act_address + (x * act_step + j * o.term_act) * size
                word = array_at(at, size, np.uint8)
                for c in range(size):
                    gathered[to + c] = byte_value(widen(word[c]), o.unsigned)
                continue
            at = acc_address + (x * acc_step + j * o.term_acc) * regions * size * 4
            sums = array_at(at, regions * size, np.int32)
            for c in range(size):
                if not o.pwlq:
                    gathered[to + c] = sums[c]
                elif j > 0:
                    gathered[to + c] = sums[size + c]
                else:
                    gathered[to + c] = merge_regions(
                        widen(sums[c]), widen(sums[2 * size + c]), o.pwlq_bits
                    )


@specialized
def requantize(form, act_address, acc_address, description):
    """Carry out a RQ in vector form `form`."""
    o = array_at(description, 1, CALL)[0]
    size, regions, terms = o.size, o.regions, o.terms
    blocks = (size + LANES - 1) // LANES
    line, word = blocks * LANES, regions * size * 4
    acc_step, out_step = o.x_acc, o.x_out
    for b in range(o.b):
        for y in range(o.y):
            x = 0
            while x < o.x:
                count = o.x - x
                at = acc_address + acc_word(o, b, y, x) * word
                out = act_address + out_word(o, b, y, x) * size
                stride, plane = acc_step * word, o.term_acc * word
                if not o.as_they_lie:
                    count = min(count, CHUNK_PIXELS)
                    act = act_address + act_word(o, b, y, x) * size
                    gather(o, act, at, count, line)
                    at, stride, plane = o.gathered, terms * line * 4, line * 4
                for block in range(blocks):
                    requantize_block(
                        form, count, at + block * LANES * 4, stride, plane, terms,
                        o.constants + (b * blocks + block) * o.stride, o.zero_point,
                        o.low, o.high, out + block * LANES, out_step * size,
                        min(LANES, size - block * LANES),
                    )  # fmt: skip
                x += count
    return 1


@entry
def constant(act, acc, description, first, end):
    """Carry out a RQ in the wide form of one constant."""
    return requantize("constant", act, acc, description)


@entry
def signed(act, acc, description, first, end):
    """Carry out a RQ in the wide form of two constants."""
    return requantize("signed", act, acc, description)


@entry
def even(act, acc, description, first, end):
    """Carry out a RQ in the wide form of ties to even."""
    return requantize("even", act, acc, description)


@entry
def high_constant(act, acc, description, first, end):
    """Carry out a RQ in the high form of one constant."""
    return requantize("high_constant", act, acc, description)


@entry
def high_signed(act, acc, description, first, end):
    """Carry out a RQ in the high form of two constants."""
    return requantize("high_signed", act, acc, description)


@entry
def high_even(act, acc, description, first, end):
    """Carry out a RQ in the high form of ties to even."""
    return requantize("high_even", act, acc, description)


@entry
def biased_signed(act, acc, description, first, end):
    """Carry out a RQ in the biased form of two constants."""
    return requantize("biased_signed", act, acc, description)


@entry
def biased_even(act, acc, description, first, end):
    """Carry out a RQ in the biased form of ties to even."""
    return requantize("biased_even", act, acc, description)


FORMS = {
    "constant": constant,
    "signed": signed,
    "even": even,
    "high_constant": high_constant,
    "high_signed": high_signed,
    "high_even": high_even,
    "biased_signed": biased_signed,
    "biased_even": biased_even,
}
