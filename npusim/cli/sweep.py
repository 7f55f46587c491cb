"""`npusim sweep`: machines x networks x schemes -> one table, resumable."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from npusim.cli.options import FILE

MOST_REASONS = 8


@click.command("sweep")
@click.argument("space", type=FILE, metavar="SPACE.toml")
@click.option(
    "-o", "--output", "output_path", type=FILE, required=True, metavar="RESULTS.parquet|.csv"
)
@click.option(
    "--plot", "plot_path", type=FILE, metavar="FILE.html|.svg|.png", help="Draw the Pareto fronts."
)
@click.option("--workers", type=click.IntRange(1), help="Processes of this machine; default none.")
@click.option("--scheduler", metavar="ADDRESS", help="A running Dask cluster, tcp://HOST:PORT.")
@click.option("--resume", is_flag=True, help="Continue a sweep: what is finished is not repeated.")
def command(
    space: Path,
    *,
    output_path: Path,
    plot_path: Path | None,
    workers: int | None,
    scheduler: str | None,
    resume: bool,
) -> None:
    """Go through machines x networks x schemes: one row a point, errors too (docs/sweep.md)."""
    from npusim.cli.progress import progress_bars
    from npusim.explore.sweep.files import sweep
    from npusim.printable import say
    from npusim.report.sweep_table import sweep_sheet
    from npusim.report.terminal import counted, plain_console

    finished: dict[str, int] = {}
    try:
        with progress_bars(one_for_each=True) as show:

            def note(what: str, done: int, total: int) -> None:
                finished[what] = done
                show(what, done, total)

            found = sweep(
                space, output_path, plot=plot_path, workers=workers, scheduler=scheduler,
                resume=resume, progress=note,
            )  # fmt: skip
    except KeyboardInterrupt:
        say(
            f"npusim: stopped; {counted(sum(finished.values()), 'finished task')} of this run are "
            f"kept in {output_path}.sweep, the same command with --resume continues",
            to_stderr=True,
        )
        sys.exit(130)
    console = plain_console()
    for network in dict.fromkeys(row["network"] for row in found.rows if not row["error"]):
        sheet, words = sweep_sheet(found.rows, network)
        console.print(words)
        sheet.show(console)
        console.print()
    good = sum(not row["error"] for row in found.rows)
    console.print(
        f"{output_path}: {counted(len(found.rows), 'point')}, {good} good, "
        f"{len(found.rows) - good} with an error; {counted(found.executed, 'task')} carried out, "
        f"{found.reused} found in the journal, {counted(found.repeated, 'point')} like others"
    )
    reasons = Counter(row["error"] for row in found.rows if row["error"])
    for reason, count in reasons.most_common(MOST_REASONS):
        console.print(f"{count:6} x {reason}")
    if len(reasons) > MOST_REASONS:
        console.print(f"       and {len(reasons) - MOST_REASONS} other reasons, in the table")
