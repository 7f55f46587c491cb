"""`npusim quantize`: a float network and samples -> an ONNX file of codes and integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim.cli.options import (
    FILE,
    calibrate_option,
    changed,
    changes_option,
    model_argument,
    outputs_option,
    require_machine,
    sample_options,
    shape_option,
    threads_option,
)
from npusim.codes.schemes import SCHEME_FAMILIES
from npusim.quant.options import (
    Options,
    as_published,
    parse_layer,
    require_uniform,
    require_used,
    with_default_bits,
)
from npusim.words import (
    BIAS_CORRECTIONS,
    BREAKPOINTS,
    CLIPS,
    ENCODERS,
    ENDS,
    EXEMPT,
    FILE_FORMS,
    GRIDS,
    NORMALIZATIONS,
    RANGE_METHODS,
    End,
    FileForm,
)

if TYPE_CHECKING:
    from npusim.formats.samples import Reading
    from npusim.quant.layer import LayerRecord
    from npusim.quant.quantize import Prepared, Quantized


def setting(option: str, names: Sequence[str], text: str) -> Callable[..., Any]:
    """Return an option that takes one of `names`; left out, it is what `Options` has."""
    default = getattr(Options, option.removeprefix("--").replace("-", "_"))
    return click.option(option, type=click.Choice(names), help=f"{text} Default {default}.")


@click.command("quantize")
@model_argument
@shape_option
@outputs_option
@click.option(
    "--scheme",
    metavar="SCHEME",
    help=f"{', '.join(SCHEME_FAMILIES)}; a+b composes two. Default {Options.scheme}.",
)
@click.option("--bits", type=click.IntRange(2, 8), help="Default: the most that the scheme takes.")
@calibrate_option
@sample_options
@click.option("-o", "--output", "output_path", type=FILE, required=True, metavar="OUT.onnx")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME=SCHEME:BITS",
    help="Scheme and bits of the layers of a name or pattern; may be given again.",
)
@click.option(
    "--recipe",
    "recipe_path",
    type=FILE,
    metavar="FILE.toml",
    help="Read settings from a recipe; options given here go before it.",
)
@click.option(
    "--save-recipe",
    "saved_path",
    type=FILE,
    metavar="FILE.toml",
    help="Write a recipe with these settings.",
)
@click.option(
    "--budget",
    "budget_text",
    metavar="bytes=N|cycles=N|energy=N",
    help="Choose scheme and bits of each layer within a budget; 0.5x is half of uniform int8's.",
)
@click.option(
    "--mix", metavar="A,B,...", help="With --budget: the schemes; uniform,pwlq,subset if left out."
)
@click.option("--machine", metavar="NAME|FILE.toml", help="What cycles and energy are of.")
@changes_option
@click.option(
    "--layer-errors", is_flag=True, help="Print what each layer's weights do to the output."
)
@setting("--encoder", ENCODERS, "How codes are chosen; nearest looks at the weights alone.")
@click.option("--as-published", "published", is_flag=True, help="The paper's own settings.")
@setting("--exempt", EXEMPT, "Linear layers that stay uniform int8.")
@click.option(
    "--int16",
    multiple=True,
    metavar="NAME",
    help="Layers of this name or pattern keep weights to 16 bits, as points of 8; may be given "
    "again.",
)
@click.option(
    "--float",
    "float32",
    multiple=True,
    metavar="NAME",
    help="Likewise to the 24 bits of a float32; --format qdq writes them as floats.",
)
@click.option(
    "--per-layer", is_flag=True, default=None, help="uniform: one scale for a layer's weights."
)
@setting("--clip", CLIPS, "uniform: weight range.")
@click.option(
    "--equalize", is_flag=True, default=None, help="Even out weights' ranges between layers first."
)
@setting("--activations", RANGE_METHODS, "How the range of the activations is chosen.")
@setting("--bias-correction", BIAS_CORRECTIONS, "What is done about the mean error of a layer.")
@setting("--breakpoint", BREAKPOINTS, "pwlq: where the centre ends.")
@setting("--grid", GRIDS, "pwlq: whose grid.")
@click.option("--include-zero", is_flag=True, default=None, help="subset: only sets that hold 0.")
@setting("--normalize", NORMALIZATIONS, "subset: divide channels by their RMS before the search.")
@click.option(
    "--points",
    type=float,
    metavar="MEAN",
    help="multipoint: mean points a channel; by output error when left out.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FILE_FORMS),
    default="npusim",
    show_default=True,
    help="npusim's functions, or of uniform codes QDQ or integer operators.",
)
@click.option(
    "--io",
    type=click.Choice(ENDS),
    default="float",
    show_default=True,
    help="What the file's inputs and outputs are: real values, or int8.",
)
@click.option(
    "--keep",
    type=FILE,
    metavar="FOLDER",
    help="Keep finished layers there, so that the same command goes on after an interruption.",
)
@threads_option
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    calibrate_path: Path,
    reading: Reading,
    output_path: Path,
    layers: tuple[str, ...],
    recipe_path: Path | None,
    saved_path: Path | None,
    published: bool,
    budget_text: str | None,
    mix: str | None,
    machine: str | None,
    changes: tuple[str, ...],
    layer_errors: bool,
    io: End,
    form: FileForm,
    keep: Path | None,
    threads: int | None,
    **settings: Any,
) -> None:
    """Quantize a float network into an ONNX file that npusim and onnxruntime execute alike."""
    from npusim.cli.progress import progress_bars
    from npusim.errors import UnsupportedError
    from npusim.explore.budget import MIXED_SCHEMES, Budget, within_budget
    from npusim.formats.files import load
    from npusim.formats.inputs import read_inputs
    from npusim.machines import Machine
    from npusim.quant.export import export
    from npusim.quant.kept_layers import KeptLayers
    from npusim.quant.quantize import prepare, quantize_prepared
    from npusim.quant.recipe import read_recipe, recipe_text
    from npusim.report.terminal import counted, plain_console
    from npusim.writing import require_outputs, require_suffix, write_text

    budget = None if budget_text is None else Budget.parse(budget_text)
    priced = budget is not None and budget.resource != "bytes"
    require_machine(priced, "--budget beside it, of cycles or energy")
    require_suffix("a quantized network", output_path, (".onnx",))
    require_suffix("--save-recipe", saved_path, (".toml",))
    written = {"-o": output_path, "--save-recipe": saved_path}
    require_outputs(written, model, calibrate_path, recipe_path)
    given = {} if recipe_path is None else read_recipe(recipe_path)
    own_settings = {name: value for name, value in settings.items() if value not in (None, ())}
    given |= own_settings
    own = dict(parse_layer(text) for text in layers)
    others = given.get("layers", {}).items()
    given["layers"] = own | {name: choice for name, choice in others if name not in own}
    given = with_default_bits(given)
    options = as_published(**given) if published else Options(**given)
    if budget is None:
        require_used(own_settings, options)
        if mix is not None:
            raise UnsupportedError("--mix: expected --budget beside it, found none")
    for option in ("scheme", "bits"):
        if budget is not None and option in own_settings:
            raise UnsupportedError(f"--{option}: expected no --budget, which chooses it by --mix")
    if form != "npusim":
        require_uniform(form, options, budget is not None)
    network = load(model, shapes, outputs)
    samples = read_inputs([("", calibrate_path)], network, reading)
    reading.require_used(samples.samples.values())
    with progress_bars() as show:
        show(f"calibrating on {counted(samples.count(network), 'sample')}", 0, None)
        prepared = prepare(network, samples.x, threads, options.equalize)
        if budget is not None:
            options = within_budget(
                prepared, options, budget,
                schemes=MIXED_SCHEMES if mix is None else mix.split(","),
                machine=None if machine is None else Machine.of(changed(machine, changes)),
                progress=lambda done, total: show("sensitivities", done, total), threads=threads,
            )  # fmt: skip
        quantized = quantize_prepared(
            prepared, options, lambda done, total: show("quantizing", done, total), threads, keep
        )
    export(quantized.network, output_path, io=io, form=form)
    if keep is not None:
        KeptLayers(keep).remove()
    if saved_path is not None:
        write_text(saved_path, recipe_text(options))
    _print(quantized.layers, output_path)
    plain_console().print(f"inputs: {samples.meaning}")
    if layer_errors:
        _print_errors(prepared, quantized, threads)
    for note in quantized.network.notes:
        plain_console().print(f"note: {note}")


def _print(layers: tuple[LayerRecord, ...], path: Path) -> None:
    from rich.table import Table

    from npusim.report.terminal import plain_console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("layer", "scheme", "weights", "bytes", "SQNR dB", "output dB", "remarks"):
        table.add_column(title, justify="left" if title in ("layer", "scheme") else "right")
    for layer in layers:
        table.add_row(
            layer.name, f"{layer.scheme} {layer.bits}", f"{layer.weights:,}",
            f"{-(-layer.stored_bits // 8):,}", f"{layer.sqnr_db:.1f}",
            f"{layer.output_sqnr_db:.1f}", _remarks(layer),
        )  # fmt: skip
    total = -(-sum(layer.stored_bits for layer in layers) // 8)
    weights = sum(layer.weights for layer in layers)
    console = plain_console()
    console.print(table)
    console.print(f"\n{path}: {total:,} bytes of constants for {weights:,} weights")


def _print_errors(prepared: Prepared, quantized: Quantized, threads: int | None) -> None:
    from rich.table import Table

    from npusim.quant.layer_errors import layer_errors
    from npusim.report.terminal import plain_console

    table = Table(
        box=None, pad_edge=False, header_style="bold", title_justify="left",
        title="\nSQNR of the output with coded weights, float activations, dB",
    )  # fmt: skip
    for title in ("layer", "alone", "all but it", "up to it"):
        table.add_column(title, justify="left" if title == "layer" else "right")
    for one in layer_errors(prepared, quantized, threads):
        errors = (one.alone, one.all_but, one.cumulative)
        table.add_row(one.name, *(f"{-10 * log10(e):.1f}" if e else "inf" for e in errors))
    plain_console().print(table)


def _remarks(layer: LayerRecord) -> str:
    from npusim.report.terminal import counted

    remarks = []
    if layer.magnitudes:
        remarks.append("{" + ",".join(map(str, layer.magnitudes)) + "}")
    if layer.points != 1:
        remarks.append(f"{layer.points:.2f} points")
    if layer.largest_shifts:
        remarks.append(f"{counted(layer.largest_shifts, 'channel')} at n_c = 15")
    if layer.capped_shifts:
        remarks.append(f"{counted(layer.capped_shifts, 'shift')} lowered")
    if layer.dead_channels:
        remarks.append(f"{counted(layer.dead_channels, 'dead channel')}")
    return ", ".join(remarks)
