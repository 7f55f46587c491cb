"""Random programs, good and bad: the RTL has the simulator's every event, byte and register."""

from __future__ import annotations

from collections import Counter

import pytest

from npusim.cosim.npu.random_runs import RandomRun, random_runs, report
from npusim.machines import Machine

ICARUS_CHUNKS, ICARUS_PROGRAMS = 8, 25
VERILATOR_CHUNKS, VERILATOR_PROGRAMS = 10, 200


def require_agreement(machine: str, seeds: range, simulator: str) -> list[RandomRun]:
    runs = list(random_runs(Machine.load(machine), seeds, simulator=simulator))
    wrong = [report(run) for run in runs if run.comparison.difference]
    assert not wrong, "\n\n".join(wrong)
    assert len(runs) == len(seeds)
    assert all(run.comparison.events for run in runs)
    return runs


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("chunk", range(ICARUS_CHUNKS))
def test_icarus_nano(chunk):
    first = 1 + chunk * ICARUS_PROGRAMS
    require_agreement("nano", range(first, first + ICARUS_PROGRAMS), "icarus")


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_icarus_small():
    require_agreement("small", range(1, 16), "icarus")


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize("chunk", range(VERILATOR_CHUNKS))
def test_verilator_nano(chunk):
    first = 10_001 + chunk * VERILATOR_PROGRAMS
    runs = require_agreement("nano", range(first, first + VERILATOR_PROGRAMS), "verilator")
    families = Counter(run.family for run in runs)
    assert families.keys() == {"good", "opcode", "operand", "bank", "address", "axi", "token"}
