"""MAC, as written in docs/architecture.md: one row of the array after the other.

Witness of execute/mac.py, and what runs where that does not apply.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.codes import CODES, REGIONS
from npusim.codes.columns import AS_UNIFORM
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import wrap_acc
from npusim.datapath.pe_column import product_bits
from npusim.datapath.subtract_zero_point import XE_SIGN, subtract_zero_point
from npusim.isa.instructions import mac
from npusim.isa.instructions.mac import LEVELS, LINES
from npusim.isa.nest import Column
from npusim.isa.page import Group
from npusim.isa.spec import ADDRESS_SPACE
from npusim.machines import Machine
from npusim.simulator.execute.call_record import Records, record
from npusim.simulator.execute.plain.widen import widen
from npusim.simulator.timing.durations import datapath_parameters

LEVEL_REGISTERS = tuple(name for code in CODES for name in code.level_registers)
OPERANDS = record(
    "act", "wgt", "acc", "accumulate", "depthwise", "window", "rows", "row_first", "row_end",
    "taps", "acc_stride", "warm", "step", "row_warm", "row_skip", "row_results", "result_rows",
    "format", "bits", "code_bits", "tile_words", "regions",
    "unsigned", "zero_point", "product_bits", "as_uniform", *LEVEL_REGISTERS,
    "slice", "slices", "words", "array_rows", "lanes",
    *(f"{level[4:]}{part}" for level in LEVELS for part in ("", "_stride")),
)  # fmt: skip
"""What a MAC needs to know; `ob`, `cb`, `kh`, `kw`, `y`, `x` are counts.

`words` are those of a tile; `slices`, `array_rows` and `lanes` the machine's SLICES, ROWS and SIZE.
"""


def operands(group: Group, machine: Machine) -> dict[str, Column | int]:
    """Return the columns OPERANDS of all MACs of a program."""
    registers = group.registers
    found: dict[str, Column | int] = {
        **{name: group[name] for name in ("act", "wgt", "acc", "accumulate", "depthwise")},
        "window": mac.is_window(group).astype(np.int64),
        **registers["mac_tile"],
        **registers["mac_output"],
        **registers["mac_format"],
        "row_results": mac.row_results(group),
        "result_rows": mac.result_rows(group),
        "code_bits": mac.code_bits(group),
        "tile_words": mac.tile_words(group),
        "regions": mac.regions(group),
        **{name: registers[name]["value"] for name in LEVEL_REGISTERS},
        "product_bits": product_bits(datapath_parameters(machine)),
        "as_uniform": AS_UNIFORM[registers["mac_format"]["format"]],
        "slices": machine.slices,
        "words": mac.words_of_tile(group, machine),
        "array_rows": machine.rows,
        "lanes": machine.size,
    }
    for level in LEVELS:
        found[level[4:]] = registers[level]["count"]
        found[f"{level[4:]}_stride"] = registers[level]["stride"]
    return found


def weight_table(o: Any) -> NDArray[np.int16]:
    """Return what each code of a MAC multiplies xe by in each region, [codes REGIONS]."""
    code, bits = CODES[o["format"]], int(o["bits"])
    held = code.levels_of_words([int(o[name]) for name in code.level_registers])
    return code.table(bits, held[: code.level_count(bits)])


@scalar
def code_at(wgt: NDArray[np.uint8], first: int, column: int, row: int, bits: int) -> int:
    """Return the code of one row and column of the tile that begins at word `first`."""
    low = row * bits
    word = first + low // 8
    pair = widen(wgt[word % ADDRESS_SPACE, column])
    if low % 8 + bits > 8:
        pair |= widen(wgt[(word + 1) % ADDRESS_SPACE, column]) << 8
    return (pair >> (low % 8)) & ((1 << bits) - 1)


@scalar
def product(weight: int, xe: int, o: Any) -> int:
    """Return what a PE adds to a region's sum.

    Only a zero point of no byte of its type makes the operand -256, which is its own negative; its
    product with the least weight may not fit the product register.
    """
    if xe > -XE_SIGN:
        return weight * xe
    if not o.as_uniform:
        return abs(weight) * xe
    sign = 1 << (o.product_bits - 1)
    return ((weight * xe + sign) & (2 * sign - 1)) - sign


@scalar
def first_lane(cb: int, o: Any) -> int:
    """Return the lane of a word whose channel row 0 multiplies, in a convolution."""
    return (o.slice + cb) % o.slices * o.array_rows


@scalar
def is_active(row: int, cb: int, o: Any) -> bool:
    """Return whether a row of the array takes part."""
    if row >= o.rows or (cb == 0 and row < o.row_first):
        return False
    if not o.depthwise and o.slices > 1 and first_lane(cb, o) + row >= o.lanes:
        return False
    return cb < o.cb - 1 or row < o.row_end


@scalar
def load_tile(
    wgt: NDArray[np.uint8],
    tile: int,
    o: Any,
    table: NDArray[np.int16],
    planes: NDArray[np.int64],
) -> None:
    """Decode weight tile number `tile` into the rows of planes [column row REGIONS]."""
    first = o.wgt + tile * o.tile_words
    for row in range(o.rows):
        for column in range(planes.shape[0]):
            planes[column, row] = table[code_at(wgt, first, column, row, o.code_bits)]


@scalar
def tile_base(o: Any, ob: int, cb: int, kh: int, kw: int) -> int:
    """Return the ACT word, before the wrap, that a weight tile's pass begins at."""
    base = o.act + ob * o.ob_stride + (o.slice + cb) // o.slices * o.words * o.cb_stride
    return base + kh * o.kh_stride + kw * o.kw_stride


@scalar
def rows_above(row: int, o: Any) -> int:
    """Return how many rows before the one read are the pixels that enter the array at `row`.

    -1: none enter there, they come from the row of the array before.
    """
    if row == 0 or not o.depthwise:
        return 0
    if o.window and row == o.taps:
        return 1
    if o.window and row == LINES * o.taps:
        return LINES
    return -1


@scalar
def shift_in(
    act: NDArray[np.uint8], base: int, y: int, x: int, cb: int, o: Any, xe: NDArray[np.int64]
) -> None:
    """Move the operands of read `x` of row `y`, of a pass from word `base`, into xe [column row].

    Rows before the first are zero in a window.
    """
    for row in range(o.rows - 1, -1, -1):
        above = rows_above(row, o)
        keep = is_active(row, cb, o) and above <= y
        word = base + (y - above) * o.y_stride + x * o.x_stride
        channel = 0 if o.depthwise else first_lane(cb, o) + row
        word = (word + channel // o.lanes * o.cb_stride) % ADDRESS_SPACE
        for column in range(xe.shape[0]):
            lane = column if o.depthwise else channel % o.lanes
            if above >= 0:
                xe[column, row] = subtract_zero_point(
                    widen(act[word, lane]) if keep else 0, o.zero_point, o.unsigned, keep
                )
            elif x == 0 or not keep:
                xe[column, row] = 0
            else:
                xe[column, row] = xe[column, row - 1]


@scalar
def has_result(y: int, x: int, o: Any) -> bool:
    """Return whether read `x` of row `y` gives a result."""
    if o.window and (y < o.row_warm or (y - o.row_warm) % (o.row_skip + 1) != 0):
        return False
    return not o.depthwise or (x >= o.warm and (x - o.warm) % o.step == 0)


@kernel
def multiply(
    act: NDArray[np.uint8],
    wgt: NDArray[np.uint8],
    acc: NDArray[np.int32],
    operands: Records,
    i: int,
    table: NDArray[np.int16],
    written: NDArray[np.int32],
) -> None:
    """Carry out MAC number `i` of `operands`, which begin with OPERANDS; `table`: weight_table.

    act, wgt [words SIZE], acc [words regions SIZE]; written [results regions SIZE] takes a copy of
    what the last reduction tile of each ob writes, in order, where it has rows.
    """
    o = operands[i]
    size, regions = act.shape[1], o.regions
    xe = np.zeros((size, o.array_rows), np.int64)  # [column row]
    planes = np.zeros((size, o.array_rows, REGIONS), np.int64)
    count = 0
    passes = np.ndindex(o.ob, o.cb, o.kh, o.kw)
    for tile, (ob, cb, kh, kw) in enumerate(passes):
        load_tile(wgt, tile, o, table, planes)
        clear = cb == 0 and kh == 0 and kw == 0 and not o.accumulate
        last = cb == o.cb - 1 and kh == o.kh - 1 and kw == o.kw - 1
        base, p = tile_base(o, ob, cb, kh, kw), o.acc + ob * o.acc_stride
        for y, x in np.ndindex(o.y, o.x):
            shift_in(act, base, y, x, cb, o, xe)
            if not has_result(y, x, o):
                continue
            target = p % ADDRESS_SPACE
            p += 1
            for region in range(regions):
                for column in range(size):
                    total = 0
                    if not clear:
                        total = widen(acc[target, region, column])
                    for row in range(o.rows):
                        total += product(planes[column, row, region], xe[column, row], o)
                    acc[target, region, column] = wrap_acc(total)
            if last and written.shape[0] > 0:
                written[count] = acc[target, :regions]
                count += 1
