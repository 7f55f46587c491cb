"""Random programs in one process, in several, on Dask, and resumed: the same runs."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import pytest

from npusim.errors import FormatError, UnsupportedError
from npusim.explore import random_programs
from npusim.explore.carry_out import Place
from npusim.explore.random_programs import run_seed, run_seeds
from npusim.machines import Machine
from tests.conftest import missing

pytestmark = [pytest.mark.rtl, pytest.mark.usefixtures("icarus")]
SEEDS = range(1, 7)
COMMON = {"simulator": "icarus", "any_memory": True}


def runs(seeds=SEEDS, **choices):
    found = run_seeds(Machine.load("nano"), seeds, **COMMON, place=Place(**choices))
    return [replace(run, seconds=0) for run in found]


def test_the_same_runs_wherever_they_run(tmp_path):
    here = runs()
    assert [run.seed for run in here] == [*SEEDS]
    assert runs(workers=2) == here
    if find_spec("distributed") is None:
        missing("Dask not found: pip install npusim[sweep]")
    import distributed

    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        assert runs(scheduler=cluster.scheduler_address) == here


def test_what_is_finished_is_not_run_again(tmp_path, monkeypatch):
    table, asked = tmp_path / "programs", []

    def until_the_fourth(seed, *common):
        asked.append(seed)
        if seed == 4:
            raise KeyboardInterrupt
        return run_seed(seed, *common)

    monkeypatch.setattr(random_programs, "run_seed", until_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        runs(journal=table)

    def noted(seed, *common):
        asked.append(seed)
        return run_seed(seed, *common)

    monkeypatch.setattr(random_programs, "run_seed", noted)
    with pytest.raises(FormatError, match="3 finished tasks: expected --resume"):
        runs(journal=table)
    asked.clear()
    resumed = runs(journal=table, resume=True)
    assert asked == [4, 5, 6]
    assert resumed == runs()


def test_workers_and_scheduler_are_one_too_many():
    with pytest.raises(UnsupportedError, match="either --workers or --scheduler"):
        runs(workers=1, scheduler="tcp://x:1")
