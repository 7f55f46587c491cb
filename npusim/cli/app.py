"""The command line: options here, work in the module of each command (imported when called)."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import click

import npusim
from npusim.errors import NpuError
from npusim.words import (
    ENERGY_MODELS,
    ENGINES,
    MACHINES,
    MEMORY_MODELS,
    RULES,
    SCHEME_FAMILIES,
    SIMULATORS,
)

YOUNG_OBJECTS = 50_000
"""New objects between collections: a program's instructions all live, looking for cycles among
them again and again takes a tenth of a command."""

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
json_option = click.option("--json", "json_path", type=FILE, help="Write the results as JSON.")
report_option = click.option(
    "--report", "report_path", type=FILE, metavar="FILE.html", help="Write a page with pictures."
)
plots_option = click.option(
    "--plots", "plots_path", type=FILE, metavar="DIRECTORY", help="Write each picture as SVG."
)
trace_option = click.option(
    "--trace",
    "trace_path",
    type=FILE,
    metavar="FILE.json[.gz]",
    help="Write a trace for ui.perfetto.dev: 1 us is 1 cycle.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(npusim.__version__, prog_name="npusim")
def app() -> None:
    """Bit-accurate, cycle-exact simulator of an integer NPU.

    MODEL is a .tflite or .onnx file. A user's mistake is one line and exit code 2; exit code 1
    means that a verification found a difference.
    """


@app.command()
@model_argument
@click.option(
    "--input",
    "input_path",
    type=FILE,
    help=".npy, .npz (samples under x, class labels under y) or an image.",
)
@click.option("--output", "output_path", type=FILE, help="Write the network's outputs (.npz).")
@click.option("--save-tensors", "tensors_path", type=FILE, help="Write every named tensor (.npz).")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="kernels",
    show_default=True,
    help="kernels: every tensor, fast; machine: the compiled program, with cycles; "
    "rtl: the same program on the Verilog of the NPU.",
)
@machine_option
@requant_option
@click.option("--batch", type=click.IntRange(1), help="Most samples a layer takes at once.")
@click.option("--threads", type=click.IntRange(1), help="Processor cores to use; default all.")
@click.option(
    "--energy",
    type=click.Choice(ENERGY_MODELS),
    default="average",
    show_default=True,
    help="Of products on engine machine: average prices, or what this data toggles.",
)
@json_option
@report_option
@plots_option
@trace_option
def run(**options: Any) -> None:
    """Execute a quantized network bit-exactly and print a table per layer."""
    from npusim.cli.run import run_model

    run_model(**options)


@app.command()
@model_argument
@click.option("-o", "--output", type=FILE, required=True, metavar="PROGRAM.npu")
@machine_option
@requant_option
def compile(model: Path, **options: Any) -> None:
    """Compile a network into a program for a machine."""
    from npusim.cli.compile import compile_model

    compile_model(model, **options)


@app.command()
@click.argument("source", type=FILE, metavar="FILE.s")
@click.option("-o", "--output", type=FILE, required=True, metavar="PROGRAM.npu")
@machine_option
def assemble(source: Path, **options: Any) -> None:
    """Assemble a program written by hand; the static checker proves it first."""
    from npusim.cli.compile import assemble_file

    assemble_file(source, **options)


@app.command()
@click.argument("program", type=FILE, metavar="PROGRAM.npu")
def disassemble(program: Path) -> None:
    """Print the instructions of a program."""
    from npusim.cli.compile import disassemble_file

    disassemble_file(program)


@app.command()
@model_argument
@machine_option
@requant_option
@json_option
@report_option
@plots_option
@trace_option
def estimate(model: Path, **options: Any) -> None:
    """Compile a network and predict its cycles, without executing data."""
    from npusim.cli.estimate import estimate_model

    estimate_model(model, **options)


@app.command()
@click.argument("targets", nargs=-1, metavar="[UNIT ... | MODEL | PROGRAM.npu]")
@click.option("--all", "every", is_flag=True, help="Every datapath unit.")
@click.option(
    "--random",
    "random_count",
    type=click.IntRange(1),
    metavar="N",
    help="N random programs: the simulated machine against the whole NPU in Verilog.",
)
@click.option("--machine", metavar="NAME|FILE.toml", help="For programs; nano for random ones.")
@click.option("--memory", type=click.Choice(MEMORY_MODELS), help="For programs: memory model.")
@click.option("--latency", type=click.IntRange(1), help="For programs: cycles to the first beat.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of random stimulus.")
@click.option(
    "--vectors",
    type=click.IntRange(1),
    default=100_000,
    show_default=True,
    help="Random vectors for each unit.",
)
@click.option("--simulator", type=click.Choice(SIMULATORS), default="icarus", show_default=True)
@click.option(
    "--waves",
    type=FILE,
    metavar="FILE.fst",
    help="Keep the waves of one unit, network or program; on Icarus.",
)
def verify(targets: tuple[str, ...], **options: Any) -> int:
    """Verify RTL against the Python models: units, a network, a program, or --random N.

    The RTL is that of the checkout around the current directory, else the installed package's.
    """
    from npusim.cli.verify_target import verify_targets

    return verify_targets(targets, **options)


@app.command()
@model_argument
@click.option(
    "--scheme",
    default="uniform",
    show_default=True,
    metavar="SCHEME",
    help=f"{', '.join(SCHEME_FAMILIES)}; a+b composes two.",
)
@click.option("--bits", type=click.IntRange(2, 8), default=8, show_default=True)
@click.option(
    "--calibrate",
    "calibrate_path",
    type=FILE,
    required=True,
    metavar="FILE",
    help="Samples (.npy, .npz or an image) that ranges and biases are found on.",
)
@click.option("-o", "--output", "output_path", type=FILE, required=True, metavar="OUT.onnx")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME=SCHEME:BITS",
    help="Scheme and bits of one layer; may be given again.",
)
@click.option(
    "--exempt",
    default="none",
    metavar="none|first|last|both",
    help="Linear layers that stay uniform int8.",
)
@click.option("--per-layer", is_flag=True, help="uniform: one scale for a layer's weights.")
@click.option(
    "--clip", default="min-max", metavar="min-max|squared-error", help="uniform: weight range."
)
@click.option(
    "--activations",
    default="min-max",
    metavar="min-max|percentile|squared-error",
    help="How the range of the activations is chosen.",
)
@click.option("--bias-correction", default="none", metavar="none|static|paper")
@click.option(
    "--breakpoint",
    default="gaussian",
    metavar="gaussian|laplacian|search",
    help="pwlq: where the centre ends.",
)
@click.option("--grid", default="paper", metavar="paper|reference", help="pwlq: whose grid.")
@click.option("--include-zero", is_flag=True, help="subset: only sets that hold 0.")
@click.option(
    "--normalize",
    default="none",
    metavar="none|channel",
    help="subset: divide channels by their RMS before the search.",
)
@click.option(
    "--points",
    type=float,
    metavar="MEAN",
    help="multipoint: mean points a channel; by output error when left out.",
)
def quantize(model: Path, **options: Any) -> None:
    """Quantize a float network into an ONNX file that npusim and onnxruntime execute alike."""
    from npusim.cli.quantize import quantize_model

    quantize_model(model, **options)


@app.command()
@model_argument
@click.option(
    "--calibrate",
    "calibrate_path",
    type=FILE,
    required=True,
    metavar="FILE",
    help="Samples that ranges and biases are found on.",
)
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
    "--bias-correction",
    "corrections",
    metavar="A,B,...",
    help="Bias corrections: none, static, paper.",
)
@click.option(
    "--machine",
    metavar="NAME|FILE.toml",
    help="Adds cycles and energy of each scheme on a machine, and its area.",
)
@click.option("--threads", type=click.IntRange(1), help="Processor cores to use; default all.")
@click.option("-o", "--output", "output_path", type=FILE, metavar="FILE.html|.csv|.json")
def compare(model: Path, **options: Any) -> None:
    """Compare quantization schemes on one float network: accuracy, SQNR, bytes, energy."""
    from npusim.cli.compare import compare_model

    compare_model(model, **options)


@app.command()
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
def sweep(space: Path, **options: Any) -> None:
    """Go through machines x networks x schemes: one row a point, errors too (docs/sweep.md)."""
    from npusim.cli.sweep import sweep_space

    sweep_space(space, **options)


def main() -> None:
    """Run the command line; report a user's mistake in one line on stderr, with exit code 2."""
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message())
    except NpuError as error:
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:  # of files, the commands say more; this is a full disk behind stdout
        _fail(f"{error.filename or 'output'}: {error.strerror or error}")


def _fail(message: str) -> None:
    print(f"npusim: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
