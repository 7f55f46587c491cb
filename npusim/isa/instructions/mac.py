"""MAC: weight-stationary multiply-accumulate over an affine loop nest, dense or depthwise.

    for ob, cb, kh, kw: load a weight tile;  for y, x: read a word of ACT, add to a word of ACC

In a window the array keeps the last two rows of pixels in lines of its own, so that each word of
ACT is read once for up to three kernel rows.
docs/architecture.md, section 2, has the loops and what is active when; section 4 the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npusim.codes import (
    ARRAY_FORMATS,
    CODES,
    FORMAT_BITS,
    LEAST_BITS,
    LUT,
    SUBSET,
    WEIGHT_FORMATS,
    Levels,
    WeightCode,
)
from npusim.codes.columns import ARRAY_FORMAT, REGION_COUNT, STORED_BITS
from npusim.isa.fields import ACC_BANKS, Field, Format, Register, level, number
from npusim.isa.layout import weight_tile_words
from npusim.isa.nest import Column, Mask, Nest, saturating_product
from npusim.isa.page import (
    Group,
    Latency,
    Rule,
    built_in,
    counted,
    no_transfer,
    within,
)
from npusim.isa.scratchpads import BANK_BASE
from npusim.isa.spec import MAC_DRAIN_CYCLES, MAC_LOAD_CYCLES
from npusim.machines import Machine

FORMAT = Format(
    "MAC", 4, ("MX",), "weight-stationary multiply-accumulate over an affine loop nest",
    (
        Field("accumulate", 10, 1, "add to ACC in the first reduction tile too"),
        Field("depthwise", 11, 1, "channels on columns, a shift register along the rows"),
        Field("window", 12, 1, "depthwise: up to three rows of pixels at once"),
        Field("acc", 16, 16, "first accumulator word"),
        Field("act", 32, 16, "first ACT word read"),
        Field("wgt", 48, 16, "first word of the first weight tile"),
        Field("read_banks", 64, 8, "ACT banks read"),
        Field("wgt_banks", 72, 4, "WGT banks read"),
        ACC_BANKS,
    ),
)  # fmt: skip

(SUBSET_SELECTORS,) = SUBSET.level_registers
TILE_LEVELS = ("mac_ob", "mac_cb", "mac_kh", "mac_kw")
"""One weight tile for each; the reduction is cb, kh, kw."""
READ_LEVELS = ("mac_y", "mac_x")
LEVELS = (*TILE_LEVELS, *READ_LEVELS)
REGISTERS = (
    *(Register(name, index, f"loop {name[4:]} of MAC", level(name[4:]))
      for index, name in enumerate(reversed(LEVELS))),
    Register(
        "mac_tile", 6, "weight tiles and accumulators",
        (
            Field("rows", 0, 8, "rows of a weight tile"),
            Field("row_first", 8, 8, "first active row in the first tile of cb"),
            Field("row_end", 16, 8, "active rows in the last tile of cb"),
            Field("taps", 24, 8, "window: rows of the array for each row of pixels"),
        ),
    ),
    Register(
        "mac_output", 7, "where results go",
        (
            Field("acc_stride", 0, 16, "ACC words from one ob to the next", signed=True),
            Field("warm", 16, 8, "depthwise: reads before a row's first result"),
            Field("step", 24, 8, "depthwise: reads from one result to the next"),
        ),
    ),
    Register(
        "mac_format", 8, "operands",
        (
            Field("format", 0, FORMAT_BITS, "weight code", names=WEIGHT_FORMATS),
            Field("bits", 4, 4, "b of the code"),
            Field("unsigned", 8, 1, "activations are uint8"),
            Field("slice", 9, 6, "slice of a word that the first tile multiplies"),
            Field("zero_point", 16, 9, "of the activations; xe is taken modulo 2^9", signed=True),
            Field("row_warm", 25, 2, "window: rows of pixels before the first with results"),
            Field("row_skip", 27, 5, "window: rows of pixels between those with results"),
        ),
    ),
    Register(SUBSET_SELECTORS, 9, "lane i of weight_decode at bits 4i+3..4i", number("8 x u4")),
    *(Register(name, 10 + i, f"levels {4 * i}..{4 * i + 3} of weight_decode, the first lowest",
               number("4 x s8"), built_with=LUT.parameter.verilog)
      for i, name in enumerate(LUT.level_registers)),
)  # fmt: skip

LEAST_LINE = 2
"""Pixels of a row in a window: a pixel is kept one cycle after it was read."""
LINES = 2
"""Rows of pixels that are kept for a window."""

MACS = tuple(f"macs_{name}" for name in ARRAY_FORMATS)
"""Counts of products by what multiplies them, though it be built in as a part of a wider one."""

transfer = no_transfer


def registers_of_levels(code: WeightCode, levels: Levels) -> dict[str, dict[str, int]]:
    """Return the fields of the registers that hold the levels of a layer.

    Where subset's are not read they are 0; those of lut, which few machines have, stay as they are.
    """
    words = zip(code.level_registers, code.level_words(levels), strict=True)
    return {SUBSET_SELECTORS: {"value": 0}} | {name: {"value": word} for name, word in words}


def bits_max(machine: Machine, weight_format: int) -> int:
    """Return the greatest b of a weight format (place in WEIGHT_FORMATS); 0: not built in."""
    return machine.most_bits(CODES[weight_format])


def rules(mac: Group, machine: Machine) -> Iterator[Rule]:
    """Return what legal operands satisfy."""
    form, output = mac.registers["mac_format"], mac.registers["mac_output"]
    yield from counted(mac, LEVELS)
    yield within("mac_format.format", form["format"], 0, len(WEIGHT_FORMATS) - 1)
    for index, name in enumerate(WEIGHT_FORMATS):
        most = bits_max(machine, index)
        rule = within("", form["bits"], LEAST_BITS, most)
        text = f"mac_format: {name} of {{}} bits is not built in ({LEAST_BITS}..{most})"
        yield Rule(rule.holds | (form["format"] != index), text, rule.values)
    yield within("mac_tile.rows", mac.registers["mac_tile"]["rows"], 1, machine.rows)
    if machine.words > 1:
        is_even = mac.registers["mac_cb"]["stride"] % 2 == 0
        several = words_of_tile(mac, machine) > 1
        yield Rule(~(several & is_even), "mac_cb.stride is even, a tile multiplies several words")
    yield within("mac_format.slice", form["slice"], 0, machine.slices - 1)
    yield Rule((mac["depthwise"] == 0) | (output["step"] > 0), "mac_output.step is 0")
    columns, most = mac.registers["mac_x"]["count"], machine.array.line_words
    text = f"window: expected rows of {LEAST_LINE}..{most} pixels, found {{}}"
    if not most:
        text = "window: rows of {} pixels, array.line_words is 0"
    held = (columns >= LEAST_LINE) & (columns <= most)
    yield Rule(~is_window(mac) | held, text, (columns,))
    yield built_in(machine, "ACT", mac["read_banks"])
    yield built_in(machine, "WGT", mac["wgt_banks"])
    yield built_in(machine, "ACC", mac["acc_banks"])


def hazards(mac: Group) -> Iterator[Rule]:
    """Return that no pass of `accumulate` meets a word whose last sum is still on its way."""
    stride, blocks = mac.registers["mac_output"]["acc_stride"], mac.registers["mac_ob"]["count"]
    again = (blocks > 1) & (stride != 0) & (abs(stride) < results(mac))
    text = "accumulates twice in a word, too soon to see it"
    yield Rule((mac["accumulate"] == 0) | ~again, text)


def code_bits(mac: Group) -> Column:
    """Return the stored bits of a weight code."""
    form = mac.registers["mac_format"]
    stored: Column = STORED_BITS[form["format"], form["bits"]]
    return stored


def tile_words(mac: Group) -> Column:
    """Return the WGT words of a weight tile."""
    return weight_tile_words(mac.registers["mac_tile"]["rows"], code_bits(mac))


def tiles(mac: Group) -> Column:
    """Return T, the weight tiles, saturating at 2^31 - 1."""
    return saturating_product(*(mac.registers[name]["count"] for name in TILE_LEVELS))


def reads(mac: Group) -> Column:
    """Return P, the ACT words that each pass reads."""
    return saturating_product(*(mac.registers[name]["count"] for name in READ_LEVELS))


def is_window(mac: Group) -> Mask:
    """Return which MACs multiply up to three rows of pixels at once."""
    return (mac["depthwise"] == 1) & (mac["window"] == 1)


def row_results(mac: Group) -> Column:
    """Return the results that a row of x gives."""
    columns, output = mac.registers["mac_x"]["count"], mac.registers["mac_output"]
    step = np.maximum(output["step"], 1)
    some = np.maximum(0, (columns - output["warm"] + step - 1) // step)
    return np.where(mac["depthwise"] == 1, some, columns)


def result_rows(mac: Group) -> Column:
    """Return the rows of y that give results."""
    rows, form = mac.registers["mac_y"]["count"], mac.registers["mac_format"]
    step = form["row_skip"] + 1
    some = np.maximum(0, (rows - form["row_warm"] + step - 1) // step)
    return np.where(is_window(mac), some, rows)


def results(mac: Group) -> Column:
    """Return the accumulator words that each pass writes."""
    return saturating_product(row_results(mac), result_rows(mac))


def regions(mac: Group) -> Column:
    """Return the regions of an accumulator that are added to."""
    count: Column = REGION_COUNT[mac.registers["mac_format"]["format"]]
    return count


def active_rows(mac: Group, machine: Machine) -> Column:
    """Return the active rows, summed over the weight tiles of one ob, kh, kw."""
    tile, tiles = mac.registers["mac_tile"], mac.registers["mac_cb"]["count"]
    rows, begin = tile["rows"], mac.registers["mac_format"]["slice"]
    end = begin + tiles - 1
    first = np.minimum(tile["row_first"], _rows_there(mac, machine, begin))
    last = np.minimum(tile["row_end"], _rows_there(mac, machine, end))
    short = (end // machine.slices) - (begin + 1) // machine.slices  # last slices in between
    between = (tiles - 2) * rows - short * (rows - _rows_there(mac, machine, machine.slices - 1))
    several = _rows_there(mac, machine, begin) - first + last + between
    return np.where(tiles > 1, several, np.maximum(0, last - first))


def _rows_there(mac: Group, machine: Machine, number: Any) -> Column:
    """Return the rows of a tile whose lanes a word has; `number`: slices before it."""
    rows = mac.registers["mac_tile"]["rows"]
    lanes = machine.words * machine.size - number % machine.slices * machine.rows
    return np.where(mac["depthwise"] == 1, rows, np.minimum(rows, lanes))


def words_of_tile(mac: Group, machine: Machine) -> Column:
    """Return the ACT words whose channels a weight tile multiplies; its last may read fewer."""
    words: Column = -(-mac.registers["mac_tile"]["rows"] // machine.size)
    return np.where(mac["depthwise"] == 1, 1, words)


def words_of_reduction(mac: Group, machine: Machine) -> Column:
    """Return the channel blocks that the tiles of cb multiply: several tiles may share a word."""
    tile, tiles = mac.registers["mac_tile"], mac.registers["mac_cb"]["count"]
    begin, words = mac.registers["mac_format"]["slice"], words_of_tile(mac, machine)
    last = np.minimum(-(-tile["row_end"] // machine.size), words)
    blocks: Column = (begin + tiles - 1) // machine.slices * words + np.maximum(last, 1)
    return blocks


def _words_read(mac: Group, machine: Machine) -> Column:
    """Return the ACT words of a pixel that the tiles of one ob, kh, kw read."""
    blocks = words_of_reduction(mac, machine)
    return blocks if machine.words > 1 else mac.registers["mac_cb"]["count"]


def nests(mac: Group, machine: Machine) -> list[Nest]:
    """Return the sums that are added to, the words of ACT and WGT, the sums that are written.

    Those of ACC are met once for each weight tile of an ob; here they stand once.
    """
    one, some = np.ones_like(mac.pcs), results(mac)
    blocks = (mac.registers["mac_ob"]["count"], mac.registers["mac_output"]["acc_stride"])
    weights = saturating_product(tiles(mac), tile_words(mac))
    sums = (mac["acc"], (blocks, (some, one)))
    walked = {name: mac.registers[name]["count"] for name in LEVELS}
    walked["mac_cb"] = words_of_reduction(mac, machine)
    words = tuple((count, mac.registers[name]["stride"]) for name, count in walked.items())
    adds, held = (some > 0) & (mac["accumulate"] == 1), regions(mac)
    return [
        Nest("ACC", False, mac["acc_banks"], *sums, adds, held),
        Nest("ACT", False, mac["read_banks"], mac["act"], words, one == 1),
        Nest("WGT", False, mac["wgt_banks"], mac["wgt"], ((weights, one),), one == 1),
        Nest("ACC", True, mac["acc_banks"], *sums, some > 0, held),
    ]


def banks(mac: Any) -> Any:
    """Return the banks of ACT and WGT that are read, and those of ACC."""
    act, wgt = mac["read_banks"] << BANK_BASE["ACT"], mac["wgt_banks"] << BANK_BASE["WGT"]
    return act | wgt | mac["acc_banks"] << BANK_BASE["ACC"]


def cycles(mac: Group, machine: Machine, latency: Latency) -> Column:
    """Return load + (T - 1) * max(P, load) + P + drain: one tile is loaded as another is used."""
    load = mac.registers["mac_tile"]["rows"] + MAC_LOAD_CYCLES + latency("weight_decode")
    drain = MAC_DRAIN_CYCLES + latency("subtract_zero_point") + latency("pe_column")
    passes = reads(mac)
    return load + (tiles(mac) - 1) * np.maximum(passes, load) + passes + drain


def counts(mac: Group, machine: Machine) -> dict[str, Column]:
    """Return products, decoded codes, sums, and the words of each scratchpad."""
    size, form = machine.size, mac.registers["mac_format"]
    element = ARRAY_FORMAT[form["format"], form["bits"]]
    passes, at_array = tiles(mac), tiles(mac) * reads(mac)
    others = passes // np.maximum(1, mac.registers["mac_cb"]["count"])
    products = active_rows(mac, machine) * others * reads(mac) * size
    per_tile = result_rows(mac) * row_results(mac) * regions(mac)
    overwriting = mac.registers["mac_ob"]["count"] * (mac["accumulate"] == 0)
    return {
        **{name: products * (element == index) for index, name in enumerate(MACS)},
        "array_cycles": at_array,
        "weight_decodes": passes * mac.registers["mac_tile"]["rows"] * size,
        "weight_swaps": passes * size,
        "accumulations": passes * per_tile * size,
        "act_reads": _words_read(mac, machine) * others * reads(mac),
        "line_reads": at_array * is_window(mac),
        "line_writes": at_array * is_window(mac),
        "wgt_reads": passes * tile_words(mac),
        "acc_writes": passes * per_tile,
        "acc_reads": (passes - overwriting) * per_tile,
    }
