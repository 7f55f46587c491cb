"""Arguments and options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim.arguments import whole_number
from npusim.words import INTEGER_MEANINGS, MACHINES, RULES, IntegerMeaning

if TYPE_CHECKING:
    from npusim.machines import Machine

FILE = click.Path(path_type=Path)
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")

model_argument = click.argument("model", type=FILE)
machine_name_option = click.option(
    "--machine",
    default="base",
    show_default=True,
    metavar="NAME|FILE.toml",
    help=f"{', '.join(MACHINES)}, or a description of your own.",
)
machines_option = click.option(
    "--machine",
    "machines",
    default=("base",),
    show_default=True,
    multiple=True,
    metavar="NAME|FILE.toml",
    help=f"{', '.join(MACHINES)}, or a description of your own; given again, side by side.",
)
changes_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the machine: array.size=32, bus.bytes_per_second=8e9; may be given again.",
)


def machine_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --machine and --set; it gets `machine`, a name where nothing is changed."""

    @machine_name_option
    @changes_option
    @wraps(function)
    def with_machine(machine: str, changes: tuple[str, ...], **options: Any) -> Any:
        return function(machine=changed(machine, changes), **options)

    return with_machine


def changed(name: str, changes: Sequence[str]) -> str | Machine:
    """Return the machine called `name` with the values of `KEY=VALUE`; its name without any.

    Raises
    ------
    NpuError
        A text has another form, there is no such key, or its value is not legal.
    """
    if not changes:
        return name
    import tomllib

    from npusim.machines import Machine

    values: dict[str, Any] = {}
    for text in changes:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise click.BadParameter(f"--set: expected KEY=VALUE, found {text!r}")
        if key in values:
            raise click.BadParameter(f"--set: expected each key once, found {key} again")
        try:
            values[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[key] = value.split(",") if key == "array.formats" else value
    machine = Machine.load(name)
    said = "-".join(f"{key.rpartition('.')[2]}{_short(value)}" for key, value in values.items())
    return machine.with_({"name": f"{machine.name}-{NOT_IN_NAMES.sub('_', said)}", **values})


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def require_machine(is_used: bool, expected: str) -> None:
    """Raise UnsupportedError where a machine is named or changed, but none `is_used`.

    `expected` says what would use it.
    """
    from npusim.errors import UnsupportedError

    given = click.get_current_context().get_parameter_source
    for option, name in (("--machine", "machine"), ("--set", "changes")):
        if not is_used and given(name) is click.core.ParameterSource.COMMANDLINE:
            raise UnsupportedError(f"{option}: expected {expected}")


def machine_file(machine: str | Machine) -> str | None:
    """Return what is read to know the machine: a file, where it is one."""
    return machine if isinstance(machine, str) else None


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
        numbers = [whole_number(n.strip()) for n in sizes.split(",")] if sizes else []
        if not equals or not name or None in numbers:
            raise click.BadParameter(f"expected NAME=1,3,224,224, found {text!r}")
        if name in shapes:
            raise click.BadParameter(f"{name} has a shape already")
        shapes[name] = tuple(n for n in numbers if n is not None)
    return shapes


shape_option = click.option(
    "--shape",
    "shapes",
    multiple=True,
    callback=_shapes,
    metavar="NAME=1,3,224,224",
    help="Shape of an input that an .onnx file leaves free; once for each input.",
)


def _outputs(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the tensors of `--outputs A,B`, None where the option is left out."""
    names = tuple(name.strip() for text in given for name in text.split(","))
    if not all(names):
        raise click.BadParameter(f"expected names of tensors, found {','.join(given)!r}")
    return names or None


outputs_option = click.option(
    "--outputs",
    "--until",
    "outputs",
    multiple=True,
    callback=_outputs,
    metavar="TENSOR[,TENSOR...]",
    help="Tensors that are the network's outputs; what they do not need is cut off.",
)


def choice(option: str, names: Sequence[str], text: str) -> Callable[..., Any]:
    """Return an option that takes one of `names`, the first where it is left out."""
    return click.option(
        option, type=click.Choice(names), default=names[0], show_default=True, help=text
    )


def _numbers(
    context: click.Context, parameter: click.Parameter, given: str | None
) -> tuple[float, ...] | None:
    """Return the numbers of `0.485,0.456,0.406`."""
    try:
        return None if given is None else tuple(float(part) for part in given.split(","))
    except ValueError:
        raise click.BadParameter(
            f"expected numbers like 0.485,0.456,0.406, found {given!r}"
        ) from None


def sample_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what says how its samples are read; it gets them as `reading`."""

    @choice(
        "--samples",
        INTEGER_MEANINGS,
        "What integers in a file of samples are: codes of the input, real values, or pixels "
        "0..255. Floats are real values.",
    )
    @click.option(
        "--crop",
        type=float,
        metavar="SHARE",
        help="Of a picture: this share of its largest middle part; the whole when left out.",
    )
    @click.option(
        "--mean",
        callback=_numbers,
        metavar="R,G,B",
        help="Subtracted from pixel / 255; default 0.",
    )
    @click.option(
        "--std", callback=_numbers, metavar="R,G,B", help="What divides the rest; default 1."
    )
    @wraps(function)
    def with_reading(
        samples: IntegerMeaning,
        crop: float | None,
        mean: tuple[float, ...] | None,
        std: tuple[float, ...] | None,
        **options: Any,
    ) -> Any:
        from npusim.formats.pictures import Preprocessing
        from npusim.formats.samples import Reading

        given = {"crop": crop, "mean": mean, "std": std}
        chosen = {name: value for name, value in given.items() if value is not None}
        preprocessing = Preprocessing(**chosen)  # type: ignore[arg-type]
        return function(reading=Reading(samples, preprocessing, tuple(chosen)), **options)

    return with_reading


json_option = click.option("--json", "json_path", type=FILE, help="Write the results as JSON.")
csv_option = click.option(
    "--csv", "csv_path", type=FILE, help="Write the table of layers as CSV, numbers exact."
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Processor cores to use; default all."
)
calibrate_option = click.option(
    "--calibrate",
    "calibrate_path",
    type=FILE,
    required=True,
    metavar="FILE",
    help="Samples (.npy, .npz, FILE.npz:KEY, a picture or a folder of pictures) that ranges and "
    "biases are found on; of several inputs an .npz by their names.",
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


def place_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --workers, --scheduler, --journal and --resume; it gets them as `place`."""

    @click.option(
        "--workers", type=click.IntRange(1), help="Processes of this machine; default none."
    )
    @click.option("--scheduler", metavar="ADDRESS", help="A running Dask cluster, tcp://HOST:PORT.")
    @click.option(
        "--journal", type=FILE, metavar="NAME", help="Keep what is finished in NAME.sweep."
    )
    @click.option("--resume", is_flag=True, help="With --journal: do not repeat what it holds.")
    @wraps(function)
    def with_place(
        workers: int | None,
        scheduler: str | None,
        journal: Path | None,
        resume: bool,
        **options: Any,
    ) -> Any:
        from npusim.explore.carry_out import Place

        if resume and journal is None:
            raise click.UsageError("--resume: expected --journal NAME beside it")
        return function(place=Place(workers, scheduler, journal, resume), **options)

    return with_place
