"""Operand activity against bits counted one by one in Python."""

from __future__ import annotations

import random

import numpy as np
import pytest

from npusim.codes import WEIGHT_FORMATS
from npusim.codes.columns import REGION_COUNT
from npusim.machines import Machine
from npusim.simulator.activity import FEATURES, Activity, booth_digits
from npusim.simulator.execute.call_record import records
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain import mac
from tests.simulator.execute.test_mac import MADE, filled_state, random_mac

SIZE = 4


def operands(default: int, **values: int) -> np.ndarray:
    """Return the record of a MAC."""
    square = {"slice": 0, "slices": 1, "words": 1, "array_rows": SIZE, "lanes": SIZE}
    columns = dict.fromkeys(mac.OPERANDS.names or (), default) | square | values
    return records(mac.OPERANDS, columns, 1)


def state_of(act: np.ndarray, wgt: np.ndarray) -> State:
    state = State(Machine.load("nano"))
    state.act[: len(act)], state.wgt[: len(wgt)] = act, wgt
    return state


def changed(before: int, after: int, bits: int) -> int:
    mask = (1 << bits) - 1
    return bin((before & mask) ^ (after & mask)).count("1")


def digits_of(weight: int) -> int:
    """Return the non-zero digits of the radix-4 Booth recoding, from its definition."""
    bits = [0] + [(weight >> i) & 1 for i in range(12)]  # Python's shift extends the sign
    digits = [bits[i] + bits[i + 1] - 2 * bits[i + 2] for i in range(0, 10, 2)]
    assert sum(d * 4**i for i, d in enumerate(digits)) == weight
    return sum(d != 0 for d in digits)


@pytest.mark.parametrize("name", WEIGHT_FORMATS)
def test_a_convolution(name: str) -> None:
    rng = random.Random(name)
    bits = 8 if name == "uniform" else 4
    stored = bits + name.startswith("pwlq")
    levels = {
        "subset_selectors": 0x8C41D2F6, "lut_levels0": 0x5A83F019, "lut_levels1": 0x7FE2C411,
        "lut_levels2": 0x80A6330B, "lut_levels3": 0x11D95E77,
    }  # fmt: skip
    o = operands(
        0, rows=4, row_first=1, row_end=3, format=WEIGHT_FORMATS.index(name), bits=bits,
        regions=int(REGION_COUNT[WEIGHT_FORMATS.index(name)]), code_bits=stored,
        tile_words=-(-4 * stored // 8),
        zero_point=-5, **levels, ob=2, cb=2, cb_stride=9, kh=1, kw=2, kw_stride=1,
        y=2, y_stride=4, x=3, x_stride=1, product_bits=16,
    )  # fmt: skip
    act = np.array([[rng.randrange(256) for _ in range(SIZE)] for _ in range(64)], np.uint8)
    wgt = np.array([[rng.randrange(256) for _ in range(SIZE)] for _ in range(64)], np.uint8)
    activity = Activity(Machine.load("nano"), 1)
    activity.add(0, state_of(act, wgt), o, 0)

    words = -(-4 * stored // 8)
    expected = dict.fromkeys(FEATURES, 0)
    xe_before = [[0] * SIZE for _ in range(SIZE)]
    products = [[0] * SIZE for _ in range(SIZE)]
    sums = [[0] * 3 for _ in range(SIZE)]
    tile = 0
    for _ in range(2):
        for cb in range(2):
            for kw in range(2):
                for y in range(2):
                    for x in range(3):
                        word = act[cb * 9 + kw + 4 * y + x].astype(np.int8)
                        for column in range(SIZE):
                            stream = int.from_bytes(
                                bytes(wgt[words * tile : words * (tile + 1), column]), "little"
                            )
                            totals = [0] * 3
                            for row in range(SIZE):
                                kept = (cb > 0 or row >= 1) and (cb < 1 or row < 3)
                                xe = int(word[row]) + 5 if kept else 0
                                code = stream >> (row * stored) & ((1 << stored) - 1)
                                planes = mac.weight_table(o[0])[code].tolist()
                                weight = planes[0] + planes[1]
                                bits_changed = changed(xe_before[column][row], xe, 9)
                                expected["operands"] += bits_changed
                                expected["multipliers"] += bits_changed * digits_of(weight)
                                expected["products"] += changed(
                                    products[column][row], weight * xe, 16
                                )
                                xe_before[column][row], products[column][row] = xe, weight * xe
                                totals = [t + p * xe for t, p in zip(totals, planes, strict=True)]
                            expected["sums"] += sum(
                                changed(before, after, 18)
                                for before, after in zip(sums[column], totals, strict=True)
                            )
                            sums[column] = totals
                tile += 1
    assert dict(zip(FEATURES, activity.features[0].tolist(), strict=True)) == expected
    assert min(expected.values()) > 0


@pytest.mark.parametrize(("name", "count"), [("nano", 6), ("flat", 4), ("tall", 2), ("wide", 1)])
@pytest.mark.parametrize("kind", ["dense", "depthwise", "window"])
def test_random_macs_one_after_the_other(name: str, count: int, kind: str) -> None:
    """Operands and weights are those of the plain MAC, called from Python; registers stay."""
    machine, rng = MADE.get(name) or Machine.load(name), np.random.default_rng(count)
    size, rows = machine.size, machine.rows
    activity = Activity(machine, count)
    before = np.zeros((2, size, rows), np.int64)
    sums = np.zeros((3, size), np.int64)
    for pc in range(count):
        group = random_mac(rng, machine, int(kind != "dense"), int(kind == "window"))
        o = records(mac.OPERANDS, mac.operands(group, machine), 1)
        if name == "wide":
            for level, most in (("ob", 1), ("cb", 2), ("kh", 1), ("kw", 1), ("y", 2), ("x", 3)):
                o[level] = np.minimum(o[level], most)
        state = filled_state(rng, machine)
        call = activity.add(pc, state, o, 0)
        assert call[1] == state.act.ctypes.data
        found, table, r = np.zeros(4, np.int64), mac.weight_table(o[0]), o.view(np.recarray)[0]
        planes = np.zeros((size, rows, 3), np.int64)
        xe = np.zeros((size, rows), np.int64)
        for tile, (ob, cb, kh, kw) in enumerate(np.ndindex(r["ob"], r["cb"], r["kh"], r["kw"])):
            mac.load_tile(state.wgt, tile, r, table, planes)
            base = mac.tile_base(r, ob, cb, kh, kw)
            for y, x in np.ndindex(r["y"], r["x"]):
                mac.shift_in(state.act, base, y, x, cb, r, xe)
                weights = planes[:, :, 0] + planes[:, :, 1]
                bits = ones(before[0] ^ xe, 9)
                totals = (planes * xe[:, :, None]).sum(axis=1).T
                found += (
                    bits.sum(),
                    (bits * np.vectorize(digits_of)(weights)).sum(),
                    ones(before[1] ^ (weights * xe), r["product_bits"]).sum(),
                    ones(sums ^ totals, r["product_bits"] + (rows - 1).bit_length()).sum(),
                )
                before[:], sums[:] = (xe, weights * xe), totals
        assert np.array_equal(activity.features[pc], found), pc
    activity.clear()
    assert not any(register.any() for register in activity.registers)


def ones(values: np.ndarray, bits: int) -> np.ndarray:
    """Return how many of the low `bits` of each value are 1."""
    return np.bitwise_count(values & ((1 << int(bits)) - 1)).astype(np.int64)


def test_digits_of_weights() -> None:
    for weight in range(-256, 256):
        assert booth_digits(weight) == digits_of(weight)


def test_a_word_that_stays_changes_nothing() -> None:
    o = operands(
        1, accumulate=0, depthwise=0, rows=4, bits=8, row_end=4, row_first=0, format=0, act=0,
        wgt=0, unsigned=0, x=9, x_stride=0, product_bits=16, code_bits=8, tile_words=4,
    )  # fmt: skip
    act, wgt = np.full((2, SIZE), 77, np.uint8), np.full((8, SIZE), 3, np.uint8)
    activity = Activity(Machine.load("nano"), 2)
    activity.add(0, state_of(act, wgt), o, 0)
    activity.add(1, state_of(act, wgt), o, 0)
    assert activity.features[0].min() > 0
    assert not activity.features[1].any()
