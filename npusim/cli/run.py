"""`npusim run`: execute a network, print the layer table, write what was asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim.cli.options import (
    FILE,
    choice,
    csv_option,
    json_option,
    machine_file,
    machine_option,
    model_argument,
    outputs_option,
    place_options,
    report_options,
    requant_option,
    require_machine,
    sample_options,
    shape_option,
    threads_option,
)
from npusim.reading import is_there
from npusim.words import ENERGY_MODELS, ENGINES, EnergyModel, EngineName

if TYPE_CHECKING:
    from rich.console import Console

    from npusim.cli.report import ReportPaths
    from npusim.engines.result import MachineResult, Result
    from npusim.explore.carry_out import Place
    from npusim.formats.inputs import Inputs
    from npusim.formats.samples import Reading
    from npusim.graph.tensor import Quantization
    from npusim.machines import Machine


def _inputs(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> list[tuple[str, Path]]:
    """Return (name, file) of each `--input NAME=FILE`; a file alone has no name."""
    pairs = []
    for text in given:
        name, _, file = ("", "", text) if is_there(Path(text)) else text.rpartition("=")
        pairs.append((name, Path(file)))
    return pairs


@click.command("run")
@model_argument
@shape_option
@outputs_option
@click.option(
    "--input",
    "input_files",
    multiple=True,
    callback=_inputs,
    metavar="[NAME=]FILE",
    help=".npy, .npz (samples under x or the inputs' names, class labels under y), FILE.npz:KEY, a "
    "picture or a folder of pictures; NAME=FILE once for each of several inputs.",
)
@sample_options
@click.option(
    "--labels", "names_path", type=FILE, help="Names of the classes, one a line, for the top 5."
)
@click.option("--output", "output_path", type=FILE, help="Write the network's outputs (.npz).")
@click.option("--save-tensors", "tensors_path", type=FILE, help="Write every named tensor (.npz).")
@choice(
    "--engine",
    ENGINES,
    "kernels: every tensor, fast; machine: the compiled program, with cycles; "
    "rtl: the same program on the Verilog of the NPU.",
)
@machine_option
@requant_option
@click.option("--batch", type=click.IntRange(1), help="Most samples a layer takes at once.")
@threads_option
@place_options
@click.option(
    "--reset-state",
    is_flag=True,
    help="Every sample begins with the initial state; else samples are steps in time.",
)
@choice(
    "--energy",
    ENERGY_MODELS,
    "Of products on engine machine: average prices, or what this data toggles.",
)
@json_option
@csv_option
@report_options
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    input_files: list[tuple[str, Path]],
    reading: Reading,
    names_path: Path | None,
    output_path: Path | None,
    tensors_path: Path | None,
    engine: EngineName,
    machine: str | Machine,
    requant: str,
    batch: int | None,
    threads: int | None,
    place: Place,
    reset_state: bool,
    energy: EnergyModel,
    json_path: Path | None,
    csv_path: Path | None,
    reports: ReportPaths,
) -> None:
    """Execute a quantized network bit-exactly and print a table per layer."""
    from npusim.analysis.top1 import AT_CHANCE, correct_guesses, is_chance
    from npusim.cli.progress import progress_bars
    from npusim.engines.engine import run
    from npusim.errors import UnsupportedError
    from npusim.formats.class_names import read_names
    from npusim.formats.files import load
    from npusim.formats.inputs import read_inputs, zero_inputs
    from npusim.report.csv_rows import csv_rows, layer_rows
    from npusim.report.terminal import counted
    from npusim.writing import require_outputs, require_suffix, write_arrays, write_json, write_text

    if reports and engine == "kernels":
        raise UnsupportedError(
            "--report, --plots, --trace: expected --engine machine, the kernels have no cycles"
        )
    require_machine(engine != "kernels", "--engine machine or rtl, the kernels have no cycles")
    if engine != "kernels":
        for option, given in (("--batch", batch), ("--threads", threads)):
            if given is not None:
                raise UnsupportedError(f"{option}: expected engine kernels, found {engine}")
    in_parts = not place.is_here or place.journal is not None
    if in_parts and (reports or tensors_path is not None or energy != "average"):
        raise UnsupportedError(
            "--workers, --scheduler, --journal: expected none of --save-tensors, --energy toggles, "
            "--report, --plots, --trace beside them"
        )
    for path in (output_path, tensors_path):
        require_suffix("an archive of tensors", path, (".npz",))
    require_suffix("--json", json_path, (".json",))
    require_suffix("--csv", csv_path, (".csv",))
    written = {"--output": output_path, "--save-tensors": tensors_path, "--json": json_path}
    written |= {"--csv": csv_path}
    files = [file for _, file in input_files]
    require_outputs(written | reports.files, model, *files, machine_file(machine))
    network = load(model, shapes, outputs)
    samples = read_inputs(input_files, network, reading) if input_files else zero_inputs(network)
    reading.require_used(samples.samples.values())
    if reset_state and not network.state:
        raise UnsupportedError(
            f"--reset-state: expected a network with state, found {network.name}"
        )
    count = samples.count(network)
    if names_path is not None and count != 1:
        raise UnsupportedError(
            f"--labels: expected one sample, whose top 5 it names, found {count}"
        )
    classes = prod(network.tensors[network.outputs[0]].shape[1:]) if network.outputs else 0
    names = None if names_path is None else read_names(names_path, classes)
    if not input_files:
        print("no --input: running one sample of zeros", file=sys.stderr)
    with progress_bars() as show:
        what = f"{network.name} ({counted(count, 'sample')})"
        show(what, 0, None)
        settings: dict[str, Any] = {
            "engine": engine, "machine": machine, "requant": requant, "batch": batch,
            "threads": threads, "reset_state": reset_state,
            "progress": lambda done, total: show(what, done, total),
        }  # fmt: skip
        if in_parts:
            from npusim.explore.run_parts import run_parts

            result = run_parts(network, samples.x, place, **settings)
        else:
            keep = tensors_path is not None
            result = run(network, samples.x, keep_tensors=keep, energy=energy, **settings)
    if output_path is not None:
        write_arrays(output_path, result.outputs)
    if tensors_path is not None:
        write_arrays(tensors_path, result.tensors)
    results = result.as_json() | {"inputs": samples.as_json()} | _absorbed(result)
    correct = None
    if samples.labels is not None:
        correct = correct_guesses(result.outputs[network.outputs[0]], samples.labels)
        results["top1_correct"] = correct
        if is_chance(correct, result.samples, classes):
            print(f"warning: {AT_CHANCE}; inputs: {samples.meaning}", file=sys.stderr)
    if reports:
        reports.write_run(result, samples.x, results)
    if json_path is not None:
        write_json(json_path, results)
    if csv_path is not None:
        write_text(csv_path, csv_rows(layer_rows(results)))
    _print(result, samples, correct)
    if input_files and result.samples == 1 and classes > 1:
        _print_top(result, names)


def _print(result: Result, samples: Inputs, correct: int | None) -> None:
    from npusim.engines.result import MachineResult
    from npusim.report.terminal import counted, for_samples, layer_sheet, plain_console

    console = plain_console()
    if isinstance(result, MachineResult):
        _print_layers(console, result)
    else:
        layer_sheet(result.layers, result.samples).show(console)
    rate = result.macs * (result.samples / result.batch) / max(result.seconds, 1e-9) / 1e9
    console.print(
        f"\n{result.network.name}: {counted(result.samples, 'sample')}, engine {result.engine}, "
        f"rounding {result.requant}; {result.macs:,} MACs {for_samples(result.batch)}, "
        f"{rate:.2f} GMAC/s"
    )
    console.print(f"inputs: {samples.meaning}")
    if isinstance(result, MachineResult):
        _print_cost(console, result)
    if result.network.is_float:
        console.print(
            f"note: a float network, computed in float32 as {result.requant} does; npusim quantize "
            "makes one of integers"
        )
    for note in result.network.notes:
        console.print(f"note: {note}")
    if correct is not None:
        console.print(
            f"top-1: {correct} of {result.samples} correct ({100 * correct / result.samples:.2f} %)"
        )


def _absorbed(result: Result) -> dict[str, Any]:
    """Return the nodes without cycles of their own, where cycles are known."""
    from npusim.engines.result import MachineResult

    if not isinstance(result, MachineResult):
        return {}
    from npusim.analysis.absorbed import absorbed

    return {"absorbed": [one.as_json() for one in absorbed(result.network, result.cost.program)]}


def _print_top(result: Result, names: Sequence[str] | None) -> None:
    """Print the classes of the greatest scores of the one sample that ran."""
    from npusim.analysis.top1 import top_classes
    from npusim.report.terminal import plain_console

    name = result.network.outputs[0]
    q = result.network.tensors[name].quantization
    for place, score in top_classes(result.outputs[name]):
        real = score if q is None or q.axis is not None else _real(score, q)
        called = "" if names is None else f"  {names[place]}"
        plain_console().print(f"class {place:5} {real:12.6g}{called}", markup=False)


def _real(code: float, q: Quantization) -> float:
    return (code - int(q.zero_point)) * float(q.scale)


def _print_layers(console: Console, result: MachineResult) -> None:
    from npusim.analysis.absorbed import absorbed
    from npusim.report.machine_table import print_cost_tables

    cost = result.cost
    print_cost_tables(console, cost.layers, cost.host, absorbed(result.network, cost.program))


def _print_cost(console: Console, result: MachineResult) -> None:
    from npusim.report.machine_table import average_line, dram_line, energy_line, time_line
    from npusim.report.terminal import for_samples

    cost = result.cost
    console.print(
        f"{result.machine}: {time_line(cost)}, and {result.dram_bytes:,} DRAM bytes "
        f"{for_samples(result.batch)}"
    )
    if cost.dram_accesses:
        console.print(dram_line(cost.dram_accesses))
    console.print(energy_line(result.energy, cost.program, cost.host_energy_pj))
    if result.average_energy is not None:
        console.print(average_line(result.energy, result.average_energy))
    if result.differing_outputs is not None:
        console.print(
            f"{result.differing_outputs} output values differ from {result.requant}'s own "
            "floating-point arithmetic"
        )
