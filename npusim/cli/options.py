"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from npusim.words import MACHINES, RULES

FILE = click.Path(path_type=Path)

model_argument = click.argument("model", type=FILE)
machine_option = click.option(
    "--machine",
    default="base",
    show_default=True,
    metavar="NAME|FILE.toml",
    help=f"{', '.join(MACHINES)}, or a description of your own.",
)
requant_option = click.option(
    "--requant",
    type=click.Choice(("auto", *RULES)),
    default="auto",
    show_default=True,
    help="Rounding rule; auto is that of the file's own runtime.",
)


def _shapes(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of `--shape NAME=1,3,224,224`, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in given:
        name, equals, sizes = text.rpartition("=")
        numbers = sizes.split(",") if sizes else []
        if not equals or not name or not all(n.strip().isdecimal() for n in numbers):
            raise click.BadParameter(f"expected NAME=1,3,224,224, found {text!r}")
        if name in shapes:
            raise click.BadParameter(f"{name} has a shape already")
        shapes[name] = tuple(int(n) for n in numbers)
    return shapes


shape_option = click.option(
    "--shape",
    "shapes",
    multiple=True,
    callback=_shapes,
    metavar="NAME=1,3,224,224",
    help="Shape of an input that an .onnx file leaves free; once for each input.",
)
json_option = click.option("--json", "json_path", type=FILE, help="Write the results as JSON.")
threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Processor cores to use; default all."
)
calibrate_option = click.option(
    "--calibrate",
    "calibrate_path",
    type=FILE,
    required=True,
    metavar="FILE",
    help="Samples (.npy, .npz or an image) that ranges and biases are found on.",
)


def choice(option: str, names: Sequence[str], text: str) -> Callable[..., Any]:
    """Return an option that takes one of `names`, the first where it is left out."""
    return click.option(
        option, type=click.Choice(names), default=names[0], show_default=True, help=text
    )


def report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --report, --plots and --trace; it gets them as `reports`."""

    @click.option(
        "--report", "page", type=FILE, metavar="FILE.html", help="Write a page with pictures."
    )
    @click.option("--plots", type=FILE, metavar="DIRECTORY", help="Write each picture as SVG.")
    @click.option(
        "--trace",
        type=FILE,
        metavar="FILE.json[.gz]",
        help="Write a trace for ui.perfetto.dev: 1 us is 1 cycle.",
    )
    @wraps(function)
    def with_reports(
        page: Path | None, plots: Path | None, trace: Path | None, **options: Any
    ) -> Any:
        from npusim.cli.report import ReportPaths

        return function(reports=ReportPaths(page, plots, trace), **options)

    return with_reports
