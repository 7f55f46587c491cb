"""What an instruction touches: scratchpad words in the order of access, and DRAM segments.

Shared by the static checker and the simulator, so that both mean the same loop nests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.isa.encoding import Instruction, decode_registers
from npusim.isa.spec import ADDRESS_SPACE, PAR_HEADER_WORDS, TARGETS, VEC_OPS
from npusim.words import WEIGHT_FORMATS

Registers = Mapping[str, Mapping[str, int]]

MAC_TILE_LEVELS = ("mac_ob", "mac_cb", "mac_kh", "mac_kw")
VEC_LEVELS = ("vec_b", "vec_y", "vec_x", "vec_ky", "vec_kx")
_LISTED_MOST = 1 << 24
"""Iterations of a nest whose addresses are listed one by one."""
_NEVER = 1 << 62


@dataclass
class RegisterFile:
    """The configuration registers of all engines as CFG instructions leave them."""

    words: dict[str, dict[int, int]] = field(default_factory=lambda: {"LD": {}, "EX": {}, "ST": {}})
    _decoded: dict[str, Registers] = field(default_factory=dict)

    def configure(self, item: Instruction) -> None:
        """Carry out a CFG."""
        for slot in range(3):
            self.words[item.engine][item["index"] + slot] = item[f"value{slot}"]
        self._decoded.pop(item.engine, None)

    def of(self, engine: str) -> Registers:
        """Return the fields of each register of `engine`."""
        if engine not in self._decoded:
            self._decoded[engine] = decode_registers(engine, self.words[engine])
        return self._decoded[engine]


@dataclass(frozen=True, eq=False)
class Access:
    """Words of one scratchpad, read or written, and the banks that the instruction claims."""

    scratchpad: str
    is_write: bool
    addresses: NDArray[np.int64]
    banks: int


@dataclass(frozen=True, eq=False)
class Segments:
    """DRAM beats `starts[i] .. starts[i] + beats - 1` from the base of `region`."""

    region: int
    is_write: bool
    starts: NDArray[np.int64]
    beats: int


def nest(base: int, *levels: tuple[int, int]) -> NDArray[np.int64]:
    """Return base + sum of index*stride over (count, stride) `levels`, outermost first, flat."""
    addresses = np.array([base], np.int64)
    for count, stride in levels:
        addresses = (addresses[:, None] + np.arange(count, dtype=np.int64) * stride).ravel()
    return addresses


def _words(base: int, *levels: tuple[int, int]) -> NDArray[np.int64]:
    """Return the scratchpad words of a nest, in the order of access.

    Of more than _LISTED_MOST only what is touched: each word once, ascending; and where these are
    more than any scratchpad has, the least and the greatest.
    """
    if prod(count for count, _ in levels) <= _LISTED_MOST:
        return nest(base, *levels)
    ends = [base, base]
    addresses = np.array([base], np.int64)
    for count, stride in levels:
        extent = (count - 1) * stride
        ends = [ends[0] + min(0, extent), ends[1] + max(0, extent)]
        have = 1
        while have < count and addresses.size <= ADDRESS_SPACE:
            step = min(have, count - have)  # the first `have` iterations, moved by `step` of them
            addresses = np.union1d(addresses, addresses + step * stride)
            have += step
    if addresses.size <= ADDRESS_SPACE:
        return addresses
    return np.clip(np.array(ends, object), -_NEVER, _NEVER).astype(np.int64)


def code_bits(registers: Registers) -> int:
    """Return the stored bits of a weight code under register mac_format."""
    form = registers["mac_format"]
    return form["bits"] + (form["format"] == WEIGHT_FORMATS.index("pwlq"))


def tile_words(registers: Registers) -> int:
    """Return the WGT words of a weight tile."""
    return -(-registers["mac_tile"]["rows"] * code_bits(registers) // 8)


def tile_count(registers: Registers) -> int:
    """Return T, the weight tiles of a MAC."""
    count = 1
    for name in MAC_TILE_LEVELS:
        count *= registers[name]["count"]
    return count


def mac_results(item: Instruction, registers: Registers) -> int:
    """Return how many accumulator words one pass of a MAC writes."""
    columns, output = registers["mac_x"]["count"], registers["mac_output"]
    if item["depthwise"]:
        columns = len(range(output["warm"], columns, output["step"]))
    return columns * registers["mac_y"]["count"]


def vector_nest(
    base: int, registers: Registers, levels: tuple[str, ...], stream: str
) -> NDArray[np.int64]:
    """Return the words that a RQ or VEC touches; `stream` is act (reads), acc or out."""
    suffix, name = ("", "stride") if stream == "act" else ("_out", stream)
    return _words(
        base,
        *((registers[level]["count"], registers[level + suffix][name]) for level in levels),
    )


def accesses(item: Instruction, registers: Registers) -> list[Access]:
    """Return what `item` touches in the scratchpads, its engine's registers being `registers`.

    The operands must be legal (legal.py).
    """
    if item.name == "LD":
        return [_load(item, registers)]
    if item.name == "ST":
        stride = registers["act_stride"]
        words = _words(
            item["address"],
            (item["blocks"], stride["block"]), (item["rows"], stride["row"]), (item["columns"], 1),
        )  # fmt: skip
        return [Access("ACT", False, words, item["banks"])]
    if item.name == "MAC":
        return _multiply(item, registers)
    if item.name == "RQ":
        return _requantize(item, registers)
    return _vector(item, registers) if item.name == "VEC" else []


def _load(item: Instruction, registers: Registers) -> Access:
    target = TARGETS[item["target"]]
    if is_plain(item):
        return Access(target, True, _words(item["address"], (item["columns"], 1)), item["banks"])
    stride, pads = registers["act_stride"], registers["pads"]
    words = _words(
        item["address"],
        (item["blocks"], stride["block"]),
        (pads["top"] + item["rows"] + pads["bottom"], stride["row"]),
        (pads["left"] + item["columns"] + pads["right"], 1),
    )
    return Access(target, True, words, item["banks"])


def is_plain(item: Instruction) -> bool:
    """Return whether a LD copies contiguous whole words."""
    return bool(item["plain"]) or TARGETS[item["target"]] != "ACT"


def _multiply(item: Instruction, registers: Registers) -> list[Access]:
    levels = [registers[name] for name in (*MAC_TILE_LEVELS, "mac_y", "mac_x")]
    reads = _words(item["act"], *((level["count"], level["stride"]) for level in levels))
    weights = _words(item["wgt"], (tile_count(registers) * tile_words(registers), 1))
    results = mac_results(item, registers)
    blocks = (registers["mac_ob"]["count"], registers["mac_output"]["acc_stride"])
    sums = _words(item["acc"], blocks, (results, 1))
    touched = [
        Access("ACT", False, reads, item["read_banks"]),
        Access("WGT", False, weights, item["wgt_banks"]),
        Access("ACC", True, sums, 1),
    ]
    return [Access("ACC", False, sums, 1), *touched] if item["accumulate"] else touched


def _requantize(item: Instruction, registers: Registers) -> list[Access]:
    terms = registers["vec_kx"]["count"]
    levels = ("vec_b", "vec_y", "vec_x")
    blocks = registers["vec_b"]["count"] * (PAR_HEADER_WORDS + terms)
    touched = [Access("PAR", False, _words(item["par"], (blocks, 1)), item["par_banks"])]
    for term in range(terms):
        stream = "act" if item["act_terms"] >> term & 1 else "acc"
        step = registers["vec_kx"]["stride"] if stream == "act" else registers["vec_kx_out"]["acc"]
        words = vector_nest(item[stream] + term * step, registers, levels, stream)
        banks = item["read_banks"] if stream == "act" else 1
        touched.append(Access(stream.upper(), False, words, banks))
    out = vector_nest(item["out"], registers, levels, "out")
    return [*touched, Access("ACT", True, out, item["write_banks"])]


def _vector(item: Instruction, registers: Registers) -> list[Access]:
    op = VEC_OPS[item["op"]]
    reads = vector_nest(item["act"], registers, VEC_LEVELS, "act")
    touched = [Access("ACT", False, reads, item["read_banks"])]
    if op == "table":
        return touched
    if op == "sum":
        sums = vector_nest(item["acc"], registers, VEC_LEVELS[:3], "acc")
        if item["accumulate"]:
            touched.append(Access("ACC", False, sums, 1))
        return [*touched, Access("ACC", True, sums, 1)]
    out = vector_nest(item["out"], registers, VEC_LEVELS[:3], "out")
    return [*touched, Access("ACT", True, out, item["write_banks"])]


def segments(item: Instruction, registers: Registers, word_beats: int) -> Segments | None:
    """Return the DRAM segments of a LD or ST in order; None for other instructions.

    `word_beats`: beats of a word of LD's target (PAR words are four times as long as ACT's).
    """
    if item.name == "LD" and is_plain(item):
        starts = np.array([item["offset"]], np.int64)
        return Segments(item["region"], False, starts, item["columns"] * word_beats)
    if item.name not in ("LD", "ST"):
        return None
    starts = nest(
        item["offset"],
        (item["blocks"], registers["block_stride"]["value"]),
        (item["rows"], registers["row_stride"]["value"]),
    )
    beats = item["columns"] * registers["element"]["beats"]
    return Segments(item["region"], item.name == "ST", starts, beats)
