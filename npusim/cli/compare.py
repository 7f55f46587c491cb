"""`npusim compare`: every scheme on one network, as a table, CSV, JSON and a page."""

from __future__ import annotations

import sys
from pathlib import Path

from npusim.cli.inputs import read_samples
from npusim.cli.outputs import require_writable, whole_file, write_json
from npusim.errors import UnsupportedError
from npusim.explore.compare import DEFAULT_BITS, DEFAULT_VARIANTS, choices, compare
from npusim.formats.files import load
from npusim.machines import Machine
from npusim.report.compare_page import compare_page
from npusim.report.compare_table import compare_csv, compare_table
from npusim.report.terminal import plain_console
from npusim.words import BIAS_CORRECTIONS

SUFFIXES = (".html", ".csv", ".json")


def compare_model(
    model: Path,
    *,
    calibrate_path: Path,
    eval_path: Path | None,
    schemes: str | None,
    bits: str | None,
    corrections: str | None,
    machine: str | None = None,
    output_path: Path | None,
    threads: int | None = None,
) -> None:
    """Compare the schemes on the network in `model`; lists are separated by commas.

    An .html page gets the .json file that it was drawn from beside it.
    """
    from rich.console import Console
    from rich.progress import Progress

    if output_path is not None and output_path.suffix.lower() not in SUFFIXES:
        raise UnsupportedError(f"{output_path}: expected a name ending in {', '.join(SUFFIXES)}")
    require_writable(output_path)
    chosen = choices(
        schemes.split(",") if schemes else DEFAULT_VARIANTS,
        _numbers(bits) if bits else DEFAULT_BITS,
        corrections.split(",") if corrections else BIAS_CORRECTIONS[:1],
    )
    target = None if machine is None else Machine.load(machine)
    network = load(model)
    calibration = read_samples(calibrate_path, network)
    evaluation = calibration if eval_path is None else read_samples(eval_path, network)
    console = Console(stderr=True)  # stdout is for what was asked
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("float reference", total=len(chosen))
        data = compare(
            network,
            calibration.x,
            chosen,
            evaluate=evaluation.x,
            labels=evaluation.labels,
            machine=target,
            threads=threads,
            progress=lambda done, total, what: bar.update(
                task, completed=done, total=total, description=what
            ),
        )
    if output_path is not None:
        suffix = output_path.suffix.lower()
        if suffix == ".csv":
            with whole_file(output_path) as file:
                file.write(compare_csv(data).encode())
        else:
            write_json(output_path.with_suffix(".json"), data)
        if suffix == ".html":
            page = compare_page(data, output_path.with_suffix(".json").name)
            with whole_file(output_path) as file:
                file.write(page.encode())
    console = plain_console()
    console.print(compare_table(data))
    for row in data["rows"]:
        if "machine_error" in row:
            console.print(f"{row['variant']} {row['bits']}: {row['machine_error']}")
    if "accuracy" in data["float"]:
        console.print(f"\nfloat network: {data['float']['accuracy']:.2f} % top-1")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UnsupportedError(f"--bits: expected numbers like 8,4,3, found {text!r}") from None
