"""Random machines: every size is a parameter that varies, and each keeps the cycle contract."""

from __future__ import annotations

import pytest

from npusim.cosim.npu.random_runs import random_runs, report
from npusim.cosim.programs.machines import random_machine

MACHINES, PROGRAMS = 12, 6


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seed", range(MACHINES))
def test_random_machine(seed):
    runs = list(random_runs(random_machine(seed), range(100 * seed, 100 * seed + PROGRAMS)))
    wrong = [report(run) for run in runs if run.comparison.difference]
    assert not wrong, "\n\n".join(wrong)
