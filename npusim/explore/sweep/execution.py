"""Where the tasks of a sweep run: in this process, in processes of this machine, on Dask.

All three take functions and plain values and give back outcomes in the order in which they finish.
A worker that dies while it runs a task costs that task alone: it is tried once more, and is an
outcome with an error when its worker dies again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from npusim.errors import FormatError, UnsupportedError
from npusim.explore.sweep.tasks import Outcome, program_hash

DEATHS = 2
"""Workers that one task may kill."""
CONNECTION_SECONDS = 10


@dataclass(frozen=True, eq=False)
class Job:
    """A call of a function of tasks.py."""

    function: Callable[..., Outcome]
    arguments: tuple[Any, ...]

    def __call__(self) -> Outcome:
        """Carry out the call."""
        return self.function(*self.arguments)


Run = Callable[[Sequence[Job]], Iterator[tuple[int, Outcome]]]
"""What carries out jobs: yields the index and the outcome of each, as they finish."""


def in_this_process(jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
    """Carry out the jobs one after the other."""
    for i, job in enumerate(jobs):
        yield i, job()


def chosen(workers: int | None, scheduler: str | None) -> AbstractContextManager[Run]:
    """Return where jobs run: in processes of this machine, on a Dask cluster, or in this process.

    Raises
    ------
    UnsupportedError
        Both are given.
    """
    if workers is not None and scheduler is not None:
        raise UnsupportedError("expected either --workers or --scheduler, found both")
    if scheduler is not None:
        return DaskCluster(scheduler)
    return nullcontext(in_this_process) if workers is None else LocalProcesses(workers)


class LocalProcesses:
    """Processes of this machine, each an executor of its own, so that a death has one cause."""

    def __init__(self, workers: int) -> None:
        # Closing the end that this process keeps ends the workers, whatever they are at.
        self._stop, self._kept = multiprocessing.get_context("spawn").Pipe(duplex=False)
        self._idle: list[Executor] = [self._worker() for _ in range(workers)]

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """Carry out the jobs, one at a time in each process."""
        waiting, deaths = deque(range(len(jobs))), [0] * len(jobs)
        running: dict[Future[Outcome], tuple[int, Executor]] = {}
        try:
            while waiting or running:
                while waiting and self._idle:
                    i, worker = waiting.popleft(), self._idle.pop()
                    try:
                        running[worker.submit(jobs[i])] = i, worker
                    except BrokenProcessPool:  # it died while it had nothing to do
                        self._idle.append(self._replaced(worker))
                        waiting.appendleft(i)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    i, worker = running.pop(future)
                    try:
                        outcome = future.result()
                    except BrokenProcessPool:
                        self._idle.append(self._replaced(worker))
                        deaths[i] += 1
                        if deaths[i] < DEATHS:
                            waiting.appendleft(i)
                            continue
                        outcome = Outcome({}, f"its worker died {DEATHS} times", final=False)
                    else:
                        self._idle.append(worker)
                    yield i, outcome
        finally:
            self._idle += [worker for _, worker in running.values()]

    def __enter__(self) -> LocalProcesses:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._kept.close()
        for worker in self._idle:
            worker.shutdown(wait=kind is None, cancel_futures=True)

    def _worker(self) -> Executor:
        # Not forked: the kernels' threads and locks would be copied in any state.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, context, _start_worker, (self._stop,))

    def _replaced(self, worker: Executor) -> Executor:
        worker.shutdown()
        return self._worker()


def _start_worker(stop: Connection) -> None:
    """Leave Ctrl-C to the parent; end when `stop` ends or the parent does, even by SIGKILL."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait as wait_for

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel, stop])
        os._exit(1)

    Thread(target=watch, daemon=True).start()


class DaskCluster:
    """A running Dask cluster; its scheduler retries a task whose worker dies.

    How often is the cluster's own setting, `distributed.scheduler.allowed-failures`.
    """

    def __init__(self, address: str) -> None:
        """Connect to the scheduler at `address`, for example `tcp://10.0.0.1:8786`.

        Raises
        ------
        UnsupportedError
            dask.distributed is not installed.
        FormatError
            No scheduler answers, it has no workers, or they run another npusim.
        """
        try:
            import dask
            from distributed import Client
        except ImportError:
            raise UnsupportedError(
                "--scheduler: needs dask.distributed, which is not installed: "
                "pip install 'npusim[sweep]'"
            ) from None
        self.address = address
        # Models and samples travel with their task: nothing is lost with the worker that held it.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})
        try:
            self._client = Client(address, timeout=CONNECTION_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FormatError(f"--scheduler {address}: no answer: {reason}") from None
        try:
            self._check_workers()
        except BaseException:
            self._client.close()
            raise

    def _check_workers(self) -> None:
        try:
            hashes = self._client.run(program_hash)
        except ImportError as error:
            raise FormatError(
                f"--scheduler {self.address}: a worker has no npusim: {error}"
            ) from None
        if not hashes:
            raise FormatError(f"--scheduler {self.address}: expected workers, found none")
        for worker, found in hashes.items():
            if found != program_hash():
                raise FormatError(
                    f"--scheduler {self.address}: worker {worker}: expected npusim with sources "
                    f"{program_hash()}, found {found}"
                )

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """Carry out the jobs, as many at a time as the cluster has threads."""
        from distributed import KilledWorker

        waiting = deque(range(len(jobs)))
        running: dict[Future[Outcome], int] = {}
        executor = self._client.get_executor(pure=False)
        while waiting or running:
            # A task in a queue of a worker that dies would be suspected of having killed it.
            room = max(1, sum(self._client.nthreads().values())) - len(running)
            for _ in range(min(room, len(waiting))):
                i = waiting.popleft()
                running[executor.submit(jobs[i])] = i
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                i = running.pop(future)
                try:
                    outcome = future.result()
                except KilledWorker as error:
                    died = f"its worker died {error.allowed_failures + 1} times"
                    outcome = Outcome({}, died, final=False)
                except CancelledError:
                    raise FormatError(
                        f"--scheduler {self.address}: the connection is lost; --resume continues"
                    ) from None
                yield i, outcome

    def __enter__(self) -> DaskCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
