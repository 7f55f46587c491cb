"""`npusim compare`: every scheme on one network, as a table, CSV, JSON and a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import (
    FILE,
    calibrate_option,
    changed,
    changes_option,
    model_argument,
    outputs_option,
    place_options,
    sample_options,
    shape_option,
    threads_option,
)
from npusim.words import BIAS_CORRECTIONS, ENCODERS, PUBLISHED

if TYPE_CHECKING:
    from npusim.explore.carry_out import Place
    from npusim.formats.samples import Reading

SUFFIXES = (".html", ".csv", ".json")


@click.command("compare")
@model_argument
@shape_option
@outputs_option
@calibrate_option
@sample_options
@click.option(
    "--eval",
    "eval_path",
    type=FILE,
    metavar="FILE",
    help="Samples (and labels under y) to measure on; those of --calibrate if left out.",
)
@click.option("--schemes", metavar="A,B,...", help="Schemes; a default choice when left out.")
@click.option("--bits", metavar="N,M,...", help="Bits of the multiply, for example 8,4,3.")
@click.option(
    "--encoder",
    "encoders",
    metavar="A,B,...",
    help=f"{', '.join((*ENCODERS, PUBLISHED))}; the default is that of quantize.",
)
@click.option(
    "--bias-correction",
    "corrections",
    metavar="A,B,...",
    help=f"{', '.join(BIAS_CORRECTIONS)}; the default is that of quantize.",
)
@click.option(
    "--machine",
    metavar="NAME|FILE.toml",
    help="Adds cycles and energy of each scheme on a machine, and its area.",
)
@changes_option
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="bytes=N|cycles=N|energy=N",
    help="Adds a row with schemes and bits of each layer within it, as quantize chooses; may be "
    "given again.",
)
@click.option(
    "--layer-errors/--no-layer-errors",
    default=None,
    help="What each layer's weights do to the output; with a page unless left out.",
)
@threads_option
@place_options
@click.option("-o", "--output", "output_path", type=FILE, metavar="FILE.html|.csv|.json")
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    calibrate_path: Path,
    reading: Reading,
    eval_path: Path | None,
    schemes: str | None,
    bits: str | None,
    encoders: str | None,
    corrections: str | None,
    machine: str | None,
    changes: tuple[str, ...],
    budgets: tuple[str, ...],
    layer_errors: bool | None,
    threads: int | None,
    place: Place,
    output_path: Path | None,
) -> None:
    """Compare quantization schemes on one float network: accuracy, SQNR, bytes, energy.

    An .html page gets the .json file that it was drawn from beside it.
    """
    from npusim.analysis.top1 import AT_CHANCE, is_chance
    from npusim.cli.progress import progress_bars
    from npusim.errors import UnsupportedError
    from npusim.explore.compare import DEFAULT_BITS, DEFAULT_VARIANTS, compare
    from npusim.formats.files import load
    from npusim.formats.samples import read_samples
    from npusim.quant.options import Options
    from npusim.report.compare_page import compare_page
    from npusim.report.compare_table import compare_csv, compare_sheet
    from npusim.report.terminal import plain_console
    from npusim.writing import require_outputs, write_json, write_text

    if output_path is not None and output_path.suffix.lower() not in SUFFIXES:
        raise UnsupportedError(f"{output_path}: expected a name ending in {', '.join(SUFFIXES)}")
    require_outputs({"-o": output_path}, model, calibrate_path, eval_path, machine)
    is_page = output_path is not None and output_path.suffix.lower() == ".html"
    if output_path is not None and is_page:
        require_outputs({"-o": output_path.with_suffix(".json")}, machine)
    network = load(model, shapes, outputs)
    calibration = read_samples(calibrate_path, network, reading)
    evaluation = calibration if eval_path is None else read_samples(eval_path, network, reading)
    reading.require_used((calibration, evaluation))
    with progress_bars() as show:
        show("float reference", 0, None)
        data = compare(
            network,
            calibration.x,
            schemes=schemes.split(",") if schemes else DEFAULT_VARIANTS,
            bits=_numbers(bits) if bits else DEFAULT_BITS,
            encoders=(encoders or Options.encoder).split(","),
            bias_corrections=(corrections or Options.bias_correction).split(","),
            budgets=budgets,
            layer_errors=is_page if layer_errors is None else layer_errors,
            evaluate=evaluation.x,
            labels=evaluation.labels,
            machine=changed(machine or "base", changes) if machine or changes else None,
            threads=threads,
            progress=show,
            **vars(place),
        )
    data["inputs"] = {"calibration": calibration.as_json(), "evaluation": evaluation.as_json()}
    console = plain_console()
    if "accuracy" in data["float"]:
        count, classes = data["evaluation_samples"], data["classes"]
        correct = round(data["float"]["accuracy"] * count / 100)
        if is_chance(correct, count, classes):
            data["notes"].append(f"float network: {AT_CHANCE}")
            console.print(f"warning: float network: {AT_CHANCE}; inputs: {evaluation.meaning}")
    if output_path is not None:
        suffix = output_path.suffix.lower()
        if suffix == ".csv":
            write_text(output_path, compare_csv(data))
        else:
            write_json(output_path.with_suffix(".json"), data)
        if suffix == ".html":
            page = compare_page(data, output_path.with_suffix(".json").name)
            write_text(output_path, page)
    compare_sheet(data).show(console)
    for row in data["rows"]:
        if "machine_error" in row:
            bits = "" if row["bits"] is None else f" {row['bits']}"
            console.print(f"{row['variant']}{bits}: {row['machine_error']}")
    console.print(f"\ninputs: {evaluation.meaning}")
    if "accuracy" in data["float"]:
        console.print(f"float network: {data['float']['accuracy']:.2f} % top-1")


def _numbers(text: str) -> list[int]:
    from npusim.errors import UnsupportedError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UnsupportedError(f"--bits: expected numbers like 8,4,3, found {text!r}") from None
