"""Random machines: every size is a parameter that varies, and each keeps the cycle contract."""

from __future__ import annotations

import pytest

from npusim.cosim.npu.random_runs import random_runs, report
from npusim.cosim.programs.machines import random_machine
from npusim.machines import Machine

MACHINES, PROGRAMS = 12, 6


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seed", range(MACHINES))
def test_random_machine(seed):
    runs = list(random_runs(random_machine(seed), range(100 * seed, 100 * seed + PROGRAMS)))
    wrong = [report(run) for run in runs if run.comparison.difference]
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_a_bus_wider_than_an_instruction():
    """Its fetches take beats of 16 bytes from a memory of wider words."""
    changes = {"array.size": 32, "array.formats": ("uniform4",), "bus.bus_bytes": 32}
    machine = Machine.load("nano").with_({**changes, "scratchpads.wgt_bank_words": 64})
    runs = list(random_runs(machine, range(3)))
    wrong = [report(run) for run in runs if run.comparison.difference]
    assert not wrong, "\n\n".join(wrong)
