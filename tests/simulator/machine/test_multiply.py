"""Every fast form of MAC against the plain one, where reads do not wrap; the wrap itself."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.kernels.vnni import available_forms
from npusim.machines import Machine
from npusim.simulator.machine import multiply as m
from npusim.simulator.machine import multiply_fast
from npusim.simulator.machine.state import State

FORMS = [form for form in available_forms() if form != "plain"]


def random_operands(rng, machine, depthwise):
    """Return the operands of a MAC whose reads stay in the first 200 words."""
    o = np.zeros(m.COUNT, np.int64)
    o[m.FORMAT] = rng.integers(0, 3)
    o[m.BITS] = rng.integers(2, (9, 5, machine.array.pwlq_bits + 1)[o[m.FORMAT]])
    o[m.TILE_ROWS] = rng.integers(1, machine.size + 1)
    o[m.ROW_FIRST] = 0 if depthwise else rng.choice((0, rng.integers(0, o[m.TILE_ROWS] + 1)))
    o[m.ROW_END] = rng.choice((255, rng.integers(0, o[m.TILE_ROWS] + 1)))
    o[m.DEPTHWISE], o[m.ACCUMULATE] = depthwise, rng.integers(0, 2)
    o[m.WARM], o[m.STEP] = rng.integers(0, 4), rng.integers(1, 4)
    o[m.UNSIGNED], o[m.ACC] = rng.integers(0, 2), rng.integers(0, 50)
    o[m.ZERO_POINT] = rng.integers(0, 256) if o[m.UNSIGNED] else rng.integers(-128, 128)
    o[m.SELECTORS] = rng.integers(0, 1 << 32)
    for level, most in ((m.OB, 3), (m.CB, 3), (m.KH, 3), (m.KW, 3), (m.Y, 4), (m.X, 9)):
        o[level], o[level + 1] = rng.integers(1, most + 1), rng.integers(-5, 6)
    o[m.ACC_STRIDE] = rng.choice((0, o[m.Y] * o[m.X]))
    o[m.ACT] = 100
    return o


def filled_state(rng, machine):
    state = State(machine)
    for memory in (state.act, state.wgt):
        memory[:] = rng.integers(0, 256, memory.shape)
    state.acc[:] = rng.integers(-(1 << 31), 1 << 31, state.acc.shape)
    return state


def written_by(function, state, o, *more):
    """Return ACC after a MAC, and what it reports to have written."""
    acc = state.acc.copy()
    results = o[m.Y] * len(
        range(*((o[m.WARM], o[m.X], o[m.STEP]) if o[m.DEPTHWISE] else (o[m.X],)))
    )
    regions = 3 if o[m.FORMAT] == 2 else 1
    written = np.zeros((o[m.OB] * results, regions, acc.shape[2]), np.int32)
    function(state.act, state.wgt, acc, o, *more, written)
    return acc, written


@pytest.mark.parametrize("name", ["nano", "base"])
@pytest.mark.parametrize("form", [*FORMS, "depthwise"])
def test_fast_forms_are_the_plain_one(name, form):
    rng, machine = np.random.default_rng(3), Machine.load(name)
    for _ in range(60):
        o, state = random_operands(rng, machine, form == "depthwise"), filled_state(rng, machine)
        low, high, fast = multiply_fast.fits(o, len(state.act), len(state.wgt))
        assert fast
        if form == "depthwise":
            found = written_by(multiply_fast.multiply_depthwise, state, o, low)
        else:
            found = written_by(multiply_fast._DENSE[form], state, o, low, high)
        expected = written_by(m.multiply_plain, state, o)
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])


def test_addresses_that_wrap_take_the_plain_form():
    rng, machine = np.random.default_rng(4), Machine.load("nano")
    state, o = filled_state(rng, machine), random_operands(rng, machine, 0)
    o[m.ACT], o[m.X], o[m.X + 1] = 65535, 4, 1  # words 65535 (masked away by a fault), 0, 1, 2
    assert not multiply_fast.fits(o, len(state.act), len(state.wgt))[2]
    o[m.ACT], o[m.X + 1] = 3, -1
    o[m.OB : m.X : 2] = 1
    assert multiply_fast.fits(o, len(state.act), len(state.wgt))[2]
