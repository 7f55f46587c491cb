"""Tasks in local processes and on a Dask cluster: every outcome once, dead workers included."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from npusim.errors import FormatError
from npusim.explore.sweep import execution
from npusim.explore.sweep.execution import DaskCluster, Job, LocalProcesses, in_this_process
from tests.explore.sweep_jobs import die_at_first, square


def test_a_process_that_died_with_nothing_to_do_is_replaced():
    with LocalProcesses(1) as run:
        (first,) = outcomes(run, [Job(square, (1,))])
        os.kill(first.found["process"], signal.SIGKILL)
        (second,) = outcomes(run, [Job(square, (2,))])
    assert second.found["square"] == 4
    assert second.found["process"] != first.found["process"]


def outcomes(run, jobs):
    found = list(run(jobs))
    assert sorted(i for i, _ in found) == list(range(len(jobs)))
    return [outcome for _, outcome in sorted(found, key=lambda pair: pair[0])]


def dying_jobs(folder: Path) -> list[Job]:
    """Return eight squares, a task that kills its worker once, and one that always does."""
    once, always = folder / "once", folder / "always"
    once.mkdir()
    always.mkdir()
    jobs = [Job(square, (n,)) for n in range(8)]
    jobs.insert(2, Job(die_at_first, (once, 1)))
    jobs.insert(5, Job(die_at_first, (always, 1000)))
    return jobs


def check_dying(found, folder: Path) -> None:
    squares = [outcome for i, outcome in enumerate(found) if i not in (2, 5)]
    assert [outcome.found["square"] for outcome in squares] == [n * n for n in range(8)]
    assert found[2].found == {"attempts": 2}
    assert found[2].error == "an error of its own", "which is no death"
    assert found[5].error == "its worker died 2 times"
    assert not found[5].final
    assert len(list((folder / "always").iterdir())) == 2


def test_in_this_process_one_after_the_other():
    found = list(in_this_process([Job(square, (n,)) for n in range(5)]))
    assert [(i, o.found["square"], o.found["process"]) for i, o in found] == [
        (n, n * n, os.getpid()) for n in range(5)
    ]


def test_a_dead_process_costs_its_task_one_retry_and_no_other_any(tmp_path):
    with LocalProcesses(2) as run:
        found = outcomes(run, dying_jobs(tmp_path))
        check_dying(found, tmp_path)
        again = outcomes(run, [Job(square, (n,)) for n in range(4)])
    assert [o.found["square"] for o in again] == [0, 1, 4, 9]
    processes = {outcome.found.get("process") for outcome in found} - {None}
    assert 2 <= len(processes) <= 5
    assert os.getpid() not in processes


def test_a_dead_dask_worker_costs_its_task_one_retry_and_no_other_any(cluster, tmp_path):
    jobs = dying_jobs(tmp_path)
    with DaskCluster(cluster) as run:  # apart: a worker that dies takes unfetched results with it
        once = outcomes(run, jobs[:5] + jobs[6:])
        always = outcomes(run, jobs[:2] + jobs[3:])
    check_dying([*once[:5], always[4], *once[5:]], tmp_path)


def test_no_cluster_is_one_line(monkeypatch):
    monkeypatch.setattr(execution, "CONNECTION_SECONDS", 1)
    with pytest.raises(FormatError, match=r"^--scheduler tcp://127\.0\.0\.1:9: no answer: .*$"):
        DaskCluster("tcp://127.0.0.1:9")
    with pytest.raises(FormatError, match=r"^--scheduler nonsense://x: no answer"):
        DaskCluster("nonsense://x")
