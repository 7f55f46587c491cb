"""Every form of MAC as a call against the plain one, and what is no call."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.kernels.entry import make_calls
from npusim.kernels.vnni import available_forms
from npusim.machines import Machine
from npusim.simulator.execute.mac import Macs
from npusim.simulator.execute.machine_state import State
from tests.isa.instructions.drawn import FLAT, TALL, group

MADE = {"flat": FLAT, "tall": TALL}
FORMS = [form for form in available_forms() if form != "plain"]
LEVELS = {"mac_ob": 3, "mac_cb": 3, "mac_kh": 3, "mac_kw": 3, "mac_y": 4, "mac_x": 9}


def random_mac(rng, machine, depthwise, window=0):
    """Return a MAC whose reads stay in the first 200 words, and which meets no word twice."""
    rows, unsigned = int(rng.integers(1, machine.rows + 1)), int(rng.integers(0, 2))
    form = int(rng.integers(0, 5))
    bits = int(rng.integers(2, (9, 5, machine.array.pwlq_bits + 1, 5, 5)[form]))
    levels = {
        name: {"count": int(rng.integers(1, most + 1)), "stride": int(rng.integers(-5, 6))}
        for name, most in LEVELS.items()
    }
    if rows > machine.size:
        levels["mac_cb"]["stride"] |= 1
    warm, step = int(rng.integers(rows - 1, rows + 3)), int(rng.integers(1, 4))
    taps, row_warm = int(rng.integers(0, rows + 1)), 2
    if window and taps:
        lines = min((rows - 1) // taps, 2)
        warm = int(rng.integers(max(taps, rows - lines * taps) - 1, rows + 1))
        row_warm = int(rng.integers(lines, 4))
    row_first = 0 if depthwise else int(rng.choice((0, rng.integers(0, rows + 1))))
    registers = {
        **levels,
        "mac_tile": {
            "rows": rows, "row_first": row_first,
            "row_end": int(rng.choice((255, rng.integers(0, rows + 1)))), "taps": taps,
        },
        "mac_output": {
            "acc_stride": levels["mac_y"]["count"] * levels["mac_x"]["count"], "warm": warm,
            "step": step,
        },
        "mac_format": {
            "format": form, "bits": bits, "unsigned": unsigned,
            "zero_point": int(rng.integers(0, 256) if unsigned else rng.integers(-128, 128)),
            "row_warm": row_warm, "row_skip": int(rng.integers(0, 3)),
            "slice": int(rng.integers(0, machine.slices)),
        },
        **{
            name: {"value": int(rng.integers(0, 1 << 32))}
            for name in ("subset_selectors", *(f"lut_levels{i}" for i in range(4)))
        },
    }  # fmt: skip
    fields = {"accumulate": int(rng.integers(0, 2)), "acc": int(rng.integers(0, 50)), "act": 100}
    return group("MAC", registers, depthwise=depthwise, window=window, **fields)


def filled_state(rng, machine):
    state = State(machine)
    for memory in (state.act, state.wgt):
        memory[:] = rng.integers(0, 256, memory.shape)
    state.acc[:] = rng.integers(-(1 << 31), 1 << 31, state.acc.shape)
    return state


@pytest.mark.parametrize("name", ["nano", "base", "flat", "tall"])
@pytest.mark.parametrize("form", [*FORMS, "depthwise", "window"])
def test_calls_are_the_plain_form(name, form):
    rng, machine = np.random.default_rng(3), MADE.get(name) or Machine.load(name)
    for _ in range(60):
        window, state = int(form == "window"), filled_state(rng, machine)
        depthwise = int(form == "depthwise" or window)
        mac = random_mac(rng, machine, depthwise, window)
        macs = Macs(mac, machine, state, FORMS[0] if depthwise else form)
        assert macs.prepared.all()
        before = state.acc.copy()
        macs.plain(0, np.empty((0, 1, machine.size), np.int32))
        expected = state.acc.copy()
        state.acc[:] = before
        make_calls(np.array([macs.call(0)], np.int64))
        assert np.array_equal(state.acc, expected)


def test_weights_that_changed_are_decoded_again():
    rng, machine = np.random.default_rng(5), Machine.load("nano")
    state = filled_state(rng, machine)
    macs = Macs(random_mac(rng, machine, 0), machine, state, FORMS[0])
    first, again = macs.call(0), macs.call(0)
    assert first == again
    assert len(macs.weights) == 1
    state.wgt[:] = rng.integers(0, 256, state.wgt.shape)
    macs.call(0)
    assert len(macs.weights) == 2


def test_what_no_call_computes():
    machine = Machine.load("nano")
    state = State(machine)
    ones = {level: {"count": 1} for level in LEVELS}
    good = {**ones, "mac_tile": {"rows": 2}, "mac_format": {"bits": 8}}
    twice = {"mac_ob": {"count": 2}, "mac_x": {"count": 4}, "mac_output": {"acc_stride": 3}}
    deep = {"mac_output": {"warm": 0, "step": 1}}
    below = {"mac_tile": {"rows": 2, "taps": 1}, "mac_output": {"step": 1}}
    both = below | {"mac_format": {"bits": 8, "row_warm": 1}}
    for registers, fields, prepared in (
        ({}, {}, True),
        (twice, {}, False),
        ({"mac_format": {"bits": 8, "zero_point": 128}}, {}, False),
        (deep, {"depthwise": 1}, False),
        ({"mac_output": {"warm": 1, "step": 1}}, {"depthwise": 1}, True),
        (below, {"depthwise": 1, "window": 1}, False),
        (below, {"depthwise": 1}, False),
        (both, {"depthwise": 1, "window": 1}, True),
        (both, {"depthwise": 1}, False),
    ):
        macs = Macs(group("MAC", good | registers, **fields), machine, state, FORMS[0])
        assert macs.prepared.tolist() == [prepared]
