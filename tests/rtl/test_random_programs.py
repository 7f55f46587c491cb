"""Random programs, good and bad: the RTL has the simulator's every event, byte and register.

A program that differs is shrunk, printed and saved in sim_build/. Test names hold the seeds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from npusim.codes import ARRAY_FORMATS
from npusim.cosim.npu.random_runs import RandomRun, drawn, random_runs, report, save
from npusim.cosim.programs.bad import BadRecipe
from npusim.machines import Machine

FAILING = Path(__file__).resolve().parents[2] / "sim_build"
FAMILIES = {"good", "opcode", "operand", "bank", "address", "axi", "token"}


def chunks(first: int, count: int, size: int) -> list:
    """Return `count` ranges of `size` seeds from `first` on, each named by its seeds."""
    ranges = [range(at, at + size) for at in range(first, first + count * size, size)]
    return [pytest.param(seeds, id=f"seeds {seeds.start}..{seeds.stop - 1}") for seeds in ranges]


FLOAT = Machine.load("nano").with_({
    "array.fp32_requantizer": 1, "array.lanes_per_requantizer": 1, "array.lanes_per_lookup": 1,
})  # fmt: skip


def require_agreement(machine: str | Machine, seeds: range, simulator: str) -> list[RandomRun]:
    runs = list(random_runs(Machine.of(machine), seeds, simulator=simulator))
    wrong = [run for run in runs if run.comparison.difference]
    FAILING.mkdir(exist_ok=True)
    texts = [f"{report(run)}saved as {save(run, FAILING)}" for run in wrong]
    assert not wrong, "\n\n".join(texts)
    assert len(runs) == len(seeds)
    assert all(run.comparison.events for run in runs)
    return runs


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seeds", chunks(1, 8, 25))
def test_200_on_icarus_nano(seeds):
    require_agreement("nano", seeds, "icarus")


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seeds", chunks(30_001, 3, 25))
def test_icarus_nano_with_the_float32_requantizer_in_every_lane(seeds):
    require_agreement(FLOAT, seeds, "icarus")


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seeds", chunks(40_001, 1, 25))
def test_icarus_nano_with_every_weight_format(seeds):
    require_agreement(Machine.load("nano").with_({"array.formats": ARRAY_FORMATS}), seeds, "icarus")


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seeds", chunks(1, 1, 15))
def test_icarus_small(seeds):
    require_agreement("small", seeds, "icarus")


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize("seeds", chunks(10_001, 10, 100))
def test_1000_on_verilator_nano_each_with_three_random_resets(seeds):
    require_agreement("nano", seeds, "verilator")


def test_the_1000_are_of_every_family():
    made = [drawn(seed, Machine.load("nano")) for seed in range(10_001, 11_001)]
    bad = {one.build().cause for one in made if isinstance(one, BadRecipe)}
    assert bad == FAMILIES - {"good"}
    assert any(not isinstance(one, BadRecipe) for one in made)
