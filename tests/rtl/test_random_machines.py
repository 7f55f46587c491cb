"""Random machines: every size is a parameter that varies, and each keeps the cycle contract."""

from __future__ import annotations

import random
import msgspec

import pytest

from npusim.cosim.npu.random_runs import random_runs, report
from npusim.machines import Machine
from npusim.machines.machine import (Array, Bus, Scratchpads)
from npusim.codes import ARRAY_FORMATS

MACHINES, PROGRAMS = 12, 6


def random_machine(seed: int) -> Machine:
    rng = random.Random(seed)
    size = rng.choice((4, 4, 4, 8, 8, 16))
    formats = tuple(name for name in ARRAY_FORMATS if rng.random() < 0.5) or (rng.choice(ARRAY_FORMATS),)
    return msgspec.structs.replace(
        Machine.load("nano"),
        name=f"random-{seed}",
        array=Array(size, formats, rng.randint(2, 7) if "pwlq" in formats else 0, seed % 2),
        scratchpads=Scratchpads(
            act_banks=rng.choice((2, 4, 8)),
            act_bank_words=rng.choice((8, 16, 64, 256, 1024)),
            wgt_banks=rng.choice((2, 4)),
            wgt_bank_words=rng.choice((8, 32, 256)),
            par_banks=rng.choice((2, 4)),
            par_bank_words=rng.choice((8, 16, 64)),
            acc_words=rng.choice((8, 32, 128, 512)),
        ),
        bus=Bus(
            bus_bytes=rng.choice([bus for bus in (4, 8, 16) if bus <= size]),
            burst_beats=rng.choice((1, 2, 4, 8, 16, 64, 256)),
        ),
    )


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seed", range(MACHINES))
def test_random_machine(seed):
    runs = list(random_runs(random_machine(seed), range(100 * seed, 100 * seed + PROGRAMS)))
    wrong = [report(run) for run in runs if run.comparison.difference]
    assert not wrong, "\n\n".join(wrong)
