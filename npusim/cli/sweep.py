"""`npusim sweep`: machines x networks x schemes -> one table, resumable."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from npusim.cli.inputs import read_samples
from npusim.cli.outputs import require_writable, whole_file
from npusim.errors import FormatError, UnsupportedError
from npusim.explore.sweep.execution import DaskCluster, LocalProcesses, Run, in_this_process
from npusim.explore.sweep.front import with_front
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.results import require_format, table_bytes
from npusim.explore.sweep.space import NetworkChoice, read_space
from npusim.explore.sweep.sweep import Swept, sweep
from npusim.explore.sweep.tasks import ModelFile, Source, read_model
from npusim.report.sweep_page import plot_bytes, require_plot_format
from npusim.report.terminal import plain_console

MOST_REASONS = 8


def sweep_space(
    space_path: Path,
    *,
    output_path: Path,
    plot_path: Path | None,
    workers: int | None,
    scheduler: str | None,
    resume: bool,
) -> None:
    """Go through the space in `space_path` and write a row for each of its points."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    if workers is not None and scheduler is not None:
        raise UnsupportedError("expected either --workers or --scheduler, found both")
    require_format(output_path)
    require_writable(output_path)
    require_plot_format(plot_path)
    require_writable(plot_path)
    space = read_space(space_path)
    sources = {network.name: read_source(network) for network in space.networks}
    with (
        Journal(output_path, resume) as journal,
        _execution(workers, scheduler) as run,
        Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), console=Console(stderr=True), transient=True,
            disable=not sys.stderr.isatty(),
        ) as bar,
    ):  # fmt: skip
        tasks = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        found = sweep(
            space, sources, journal, run,
            threads=None if run is in_this_process else 1, progress=progress,
        )  # fmt: skip
        rows = with_front(found.rows)
        with whole_file(output_path) as file:
            file.write(table_bytes(output_path, rows))
        if plot_path is not None:
            with whole_file(plot_path) as file:
                file.write(plot_bytes(plot_path, rows, output_path.name))
        journal.complete()
    _print(found, output_path)


def read_source(network: NetworkChoice) -> Source:
    """Return the content of a network's files.

    Raises
    ------
    NpuError
        A file cannot be read; a float network without samples to calibrate on.
    """
    try:
        model = ModelFile(network.model.name, network.model.read_bytes())
    except OSError as error:
        raise FormatError(f"{network.model}: cannot read it: {error.strerror}") from None
    loaded = read_model(model)
    if network.calibrate is None and not loaded.is_integer:
        raise UnsupportedError(
            f"{network.model}: a float network: expected calibrate = FILE with samples to quantize "
            "it by"
        )
    if network.calibrate is None and network.evaluate is None:
        return Source(model, network.requant)
    if len(loaded.inputs) != 1:
        raise UnsupportedError(
            f"{network.model}: expected a network with one input, found {len(loaded.inputs)}"
        )
    calibrate = None if network.calibrate is None else read_samples(network.calibrate, loaded).x
    if network.evaluate is None:
        return Source(model, network.requant, calibrate)
    samples = read_samples(network.evaluate, loaded)
    if samples.labels is None:
        raise FormatError(f"{network.evaluate}: expected class labels under 'y', found none")
    return Source(model, network.requant, calibrate, samples.x, samples.labels)


def _execution(workers: int | None, scheduler: str | None) -> AbstractContextManager[Run]:
    if scheduler is not None:
        return DaskCluster(scheduler)
    return nullcontext(in_this_process) if workers is None else LocalProcesses(workers)


def _print(found: Swept, path: Path) -> None:
    console = plain_console()
    good = sum(not row["error"] for row in found.rows)
    console.print(
        f"{path}: {len(found.rows)} points, {good} good, {len(found.rows) - good} with an error; "
        f"{found.executed} tasks carried out, {found.reused} found in the journal, "
        f"{found.repeated} points repeated others"
    )
    reasons = Counter(row["error"] for row in found.rows if row["error"])
    for reason, count in reasons.most_common(MOST_REASONS):
        console.print(f"{count:6} x {reason}")
    if len(reasons) > MOST_REASONS:
        console.print(f"       and {len(reasons) - MOST_REASONS} other reasons, in the table")
