"""RQ as a call against the plain form: any constants, and sums that no vector form holds."""

from __future__ import annotations

import numpy as np

from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.kernels.entry import make_calls
from npusim.machines import Machine
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.rq import FORMS, Requantizations
from tests.isa.instructions.drawn import group

NOTHING = np.empty((0, 1), np.uint8)


def random_rq(rng):
    registers = {
        "vec_b": {"count": 2}, "vec_y": {"count": 2}, "vec_x": {"count": 5, "stride": 1},
        "vec_y_out": {"out": 5, "acc": 5}, "vec_b_out": {"out": 10, "acc": 10},
        "vec_x_out": {"out": 1, "acc": 1}, "vec_kx_out": {"acc": 20},
        "vec_kx": {"count": int(rng.integers(1, 5)), "stride": 7},
        "rq_mode": {
            "rounding": int(rng.integers(0, 6)), "unsigned": int(rng.integers(0, 2)),
            "pwlq_bits": int(rng.integers(2, 9)),
        },
        "rq_output": {"zero_point": int(rng.integers(-128, 128)), "low": -100, "high": 90},
    }  # fmt: skip
    return group(
        "RQ", registers, act_terms=int(rng.integers(0, 16)), pwlq=int(rng.integers(0, 2)),
        out=300, read_banks=1, write_banks=2, par_banks=3,
    )  # fmt: skip


def test_calls_are_the_plain_form_or_none():
    rng, machine, calls, forms = np.random.default_rng(3), Machine.load("nano"), [], set()
    for turn in range(240):
        state, bits = State(machine), int(rng.integers(1, 32))
        state.act[:] = rng.integers(0, 256, state.act.shape)
        state.acc[:] = rng.integers(-(1 << bits), 1 << bits, state.acc.shape) >> 1
        par = rng.integers(0, 1 << 32, (machine.par_words, machine.size), dtype=np.uint64)
        if turn % 2:  # bias and shifts as a compiler writes them: every block has 3 + J words
            par = par >> rng.integers(2, 20, dtype=np.uint64)
            par[:64] &= 0x1FFFF_FF1F
        drawn = random_rq(rng)
        if turn % 4 == 3:  # shifts of the upper half, and lanes of no channel
            words = PAR_HEADER_WORDS + int(drawn.registers["vec_kx"]["count"][0])
            par[1 : 2 * words : words] = rng.choice((0, 0x7FFF_FFFF))  # biases of few bits
            par[2 : 2 * words : words] = rng.integers(32, 54, machine.size)
            par[: 2 * words, rng.integers(machine.size)] = 0
        state.par[:] = par.astype("<u4").view(np.uint8).reshape(state.par.shape)
        rq = Requantizations(drawn, machine, state)
        before = state.act.copy()
        rq.plain(0, NOTHING)
        expected = state.act.copy()
        state.act[:] = before
        call = rq.call(0)
        calls.append(call is not None)
        if call is not None:
            forms |= {name for name, form in FORMS.items() if form().address == call[0]}
            make_calls(np.array([call], np.int64))
            assert np.array_equal(state.act, expected), turn
    assert 60 < sum(calls) < 220
    assert forms == set(FORMS) - {"high_signed", "high_even"}  # no bias at all: is not drawn


def test_bounds_in_the_wrong_order_are_no_call():
    machine = Machine.load("nano")
    ones = {level: {"count": 1} for level in ("vec_b", "vec_y", "vec_x", "vec_kx")}
    for low, high, prepared in ((-5, 5, True), (5, -5, False)):
        one = group("RQ", {**ones, "rq_output": {"low": low, "high": high}})
        assert Requantizations(one, machine, State(machine)).prepared.tolist() == [prepared]
