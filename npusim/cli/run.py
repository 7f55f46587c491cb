"""`npusim run`: execute a network, print the layer table, write what was asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from npusim.analysis.conformance import check_conformance
from npusim.cli.inputs import Samples, read_samples
from npusim.cli.outputs import require_writable, write_arrays, write_json
from npusim.cli.report import ReportPaths
from npusim.cost.area import area_um2
from npusim.datapath.jit import cache_directory
from npusim.errors import UnsupportedError
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.report.machine_table import average_line, energy_line, loss_legend, machine_table
from npusim.report.terminal import layer_table, plain_console
from npusim.session import Result
from npusim.session import run as run_session


def run_model(
    model: Path,
    *,
    input_path: Path | None,
    output_path: Path | None,
    tensors_path: Path | None,
    engine: str,
    machine: str,
    requant: str,
    batch: int | None,
    threads: int | None,
    energy: str,
    json_path: Path | None,
    report_path: Path | None,
    plots_path: Path | None,
    trace_path: Path | None,
) -> None:
    """Run the network in `model`; see the command line's help for the options."""
    reports = ReportPaths(report_path, plots_path, trace_path)
    if reports and engine == "kernels":
        raise UnsupportedError(
            "--report, --plots, --trace: expected --engine machine, the kernels have no cycles"
        )
    for path in (output_path, tensors_path, json_path):
        require_writable(path)
    network = load(model)
    samples = _samples(network, input_path)
    if not cache_directory().is_dir():
        print("compiling kernels (once for this version of npusim) ...", file=sys.stderr)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),  # stdout is for what was asked
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task(f"{network.name} ({len(samples.x)} samples)", total=None)
        result = run_session(
            network,
            samples.x,
            engine=engine,  # type: ignore[arg-type]  # the command line offers the engines' names
            machine=machine,
            requant=requant,
            batch=batch,
            threads=threads,
            keep_tensors=tensors_path is not None,
            energy=energy,  # type: ignore[arg-type]  # likewise
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if output_path is not None:
        write_arrays(output_path, result.outputs)
    if tensors_path is not None:
        write_arrays(tensors_path, result.tensors)
    accuracy = None if samples.labels is None else top1(result, samples.labels)
    correct = {} if accuracy is None else {"top1_correct": accuracy}
    results = result.as_json() | correct
    if reports and result.program is not None:
        conformance = check_conformance(
            network, samples.x, result.outputs, result.requant, result.host_operators,
            result.differing_outputs,
        )  # fmt: skip
        reports.write(result.program, result.timelines, results, conformance)
    if json_path is not None:
        write_json(json_path, results)
    _print(result, accuracy)


def _samples(network: Network, path: Path | None) -> Samples:
    if network.absent_weights:
        raise UnsupportedError(
            f"{network.name}: its file holds shapes without weights; npusim estimate takes it"
        )
    if len(network.inputs) != 1:
        raise UnsupportedError(
            f"{network.name}: expected a network with one input, found {len(network.inputs)}"
        )
    if path is not None:
        return read_samples(path, network)
    tensor = network.tensors[network.inputs[0]]
    print("no --input: running one sample of zeros", file=sys.stderr)
    return Samples(tensor.in_file_order(np.zeros(tensor.shape, tensor.dtype)), None)


def top1(result: Result, labels: NDArray[np.int64]) -> int:
    """Return how many samples' greatest output is the labelled class (the first of equals)."""
    scores = result.outputs[result.network.outputs[0]].reshape(len(labels), -1)
    return int(np.count_nonzero(scores.argmax(1) == labels))


def _print(result: Result, correct: int | None) -> None:
    console = plain_console()
    timed = [layer for layer in result.layers if layer.cycles is not None]
    if timed:
        console.print(machine_table(timed))  # type: ignore[arg-type]  # what timed layers hold
        console.print(f"\nmost lost to: {loss_legend(timed)}")  # type: ignore[arg-type]
    else:
        console.print(layer_table(result.layers, result.samples))
    rate = result.macs * result.samples / max(result.seconds, 1e-9) / 1e9
    console.print(
        f"\n{result.network.name}: {result.samples} samples, engine {result.engine}, "
        f"rounding {result.requant}; {result.macs:,} MACs a sample, {rate:.2f} GMAC/s"
    )
    if result.cycles is not None:
        console.print(
            f"{result.machine}: {result.cycles:,} cycles and {result.dram_bytes:,} DRAM bytes a "
            "sample" + _on_the_host(result)
        )
    if result.energy is not None and result.program is not None:
        machine = result.program.machine
        technology = machine.energy.technology
        area = area_um2(machine, technology)["total"]
        console.print(energy_line(result.energy, area, technology))
        if result.average_energy is not None:
            console.print(average_line(result.energy, result.average_energy))
    if result.differing_outputs is not None:
        console.print(
            f"note: {result.differing_outputs} output values differ from the rule asked for, "
            "which exists only in floating point"
        )
    for note in result.network.notes:
        console.print(f"note: {note}")
    if correct is not None:
        console.print(
            f"top-1: {correct} of {result.samples} correct ({100 * correct / result.samples:.2f} %)"
        )


def _on_the_host(result: Result) -> str:
    names = ", ".join(result.host_operators)
    return f"; on the host, without cycles: {names}" if names else ""
