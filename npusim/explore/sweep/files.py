"""A sweep from its files to its table: what `npusim.sweep` and the command line call."""

from __future__ import annotations

from pathlib import Path

from npusim.arguments import require_count
from npusim.errors import FormatError, UnsupportedError
from npusim.explore.sweep import execution
from npusim.explore.sweep.front import with_front
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.results import require_format, table_bytes
from npusim.explore.sweep.space import NetworkChoice, read_space
from npusim.explore.sweep.sweep import Progress, Swept, sweep_space
from npusim.explore.sweep.tasks import ModelFile, Source
from npusim.formats.files import load
from npusim.formats.onnx.whole import whole_model
from npusim.formats.samples import read_samples
from npusim.quant.dequantize import real_samples
from npusim.reading import file_bytes
from npusim.report.sweep_page import plot_bytes, require_plot_format
from npusim.writing import require_outputs, whole_file


def sweep(
    space: str | Path,
    output: str | Path,
    *,
    plot: str | Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Swept:
    """Go through machines x networks x schemes and write a row for each point; docs/sweep.md.

    Parameters
    ----------
    space
        TOML file that describes the space.
    output
        Table to write, .csv or .parquet; finished tasks are kept beside it in OUTPUT.sweep.
    plot
        Picture of the Pareto fronts to write, .html, .svg or .png.
    workers, scheduler
        Processes of this computer, or the address of a running Dask cluster; in this process where
        both are None.
    resume
        Continue an unfinished sweep: what is finished is not repeated.
    progress
        Called with what is going on, how many of its tasks are finished, and how many there are.

    Raises
    ------
    FormatError
        The space is not well formed, a file cannot be read or written, a cluster is lost. What a
        point does wrong is an error in its row.
    UnsupportedError
        An ending that is not offered, or a package that is not installed.
    """
    table, picture = Path(output), None if plot is None else Path(plot)
    require_count("workers", workers)
    require_format(table)
    require_plot_format(picture)
    require_outputs({"-o": table, "--plot": picture}, space)
    described = read_space(Path(space))
    sources = {network.name: read_source(network) for network in described.networks}
    with execution.chosen(workers, scheduler) as run, Journal(table, resume) as journal:
        threads = None if run is execution.in_this_process else 1
        found = sweep_space(described, sources, journal, run, threads=threads, progress=progress)
        rows = with_front(found.rows)
        with whole_file(table) as file:
            file.write(table_bytes(table, rows))
        if picture is not None:
            with whole_file(picture) as file:
                file.write(plot_bytes(picture, rows, table.name))
        journal.complete()
    return Swept(tuple(rows), found.repeated, found.reused, found.executed)


def read_source(network: NetworkChoice) -> Source:
    """Return the content of a network's files.

    Raises
    ------
    NpuError
        A file cannot be read; a float network without samples to calibrate on.
    """
    loaded = load(network.model)
    is_onnx = network.model.suffix == ".onnx"
    content = whole_model(network.model) if is_onnx else file_bytes(network.model, "a model")
    model = ModelFile(network.model.name, content)
    if network.calibrate is None and not loaded.is_integer:
        raise UnsupportedError(
            f"{network.model}: a float network: expected calibrate = FILE with samples to quantize "
            "it by"
        )
    if network.calibrate is None and network.evaluate is None:
        return Source(model, network.requant)
    calibrate = None
    if network.calibrate is not None:
        calibrate = read_samples(network.calibrate, loaded, network.reading).x
    if network.evaluate is None:
        return Source(model, network.requant, calibrate)
    samples = read_samples(network.evaluate, loaded, network.reading)
    if samples.labels is None:
        raise FormatError(f"{network.evaluate}: expected class labels under 'y', found none")
    x = samples.x if calibrate is None else real_samples(loaded, samples.x)
    return Source(model, network.requant, calibrate, x, samples.labels)
