"""`npusim quantize`: a float network and samples -> an ONNX file of codes and integers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from npusim.cli.inputs import read_samples
from npusim.cli.outputs import require_writable, whole_file
from npusim.errors import UnsupportedError
from npusim.formats.files import load
from npusim.quant.export import model_of
from npusim.quant.options import Options, parse_layer
from npusim.quant.quantize import LayerRecord, prepare, quantize_prepared
from npusim.report.terminal import plain_console


def quantize_model(
    model: Path,
    *,
    calibrate_path: Path,
    output_path: Path,
    layers: tuple[str, ...],
    **settings: Any,
) -> None:
    """Quantize the network in `model`; `settings` are the fields of `Options`."""
    from rich.console import Console
    from rich.progress import Progress

    require_writable(output_path)
    options = Options(**settings, layers=dict(parse_layer(text) for text in layers))
    network = load(model)
    if network.absent_weights:
        raise UnsupportedError(
            f"{network.name}: its file holds shapes without weights; npusim estimate takes it"
        )
    if len(network.inputs) != 1:
        raise UnsupportedError(
            f"{network.name}: expected a network with one input, found {len(network.inputs)}"
        )
    samples = read_samples(calibrate_path, network)
    console = Console(stderr=True)  # stdout is for what was asked
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"calibrating on {len(samples.x)} samples", total=None)
        prepared = prepare(network, samples.x)

        def progress(done: int, total: int) -> None:
            bar.update(task, description="quantizing", completed=done, total=total)

        quantized = quantize_prepared(prepared, options, progress)
    content = model_of(quantized.network).SerializeToString(deterministic=True)
    with whole_file(output_path) as file:
        file.write(content)
    _print(quantized.layers, output_path)
    for note in quantized.network.notes:
        plain_console().print(f"note: {note}")


def _print(layers: tuple[LayerRecord, ...], path: Path) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("layer", "scheme", "weights", "bytes", "SQNR dB", "remarks"):
        table.add_column(title, justify="left" if title in ("layer", "scheme") else "right")
    for layer in layers:
        table.add_row(
            layer.name, f"{layer.scheme} {layer.bits}", f"{layer.weights:,}",
            f"{-(-layer.stored_bits // 8):,}", f"{layer.sqnr_db:.1f}", _remarks(layer),
        )  # fmt: skip
    total = -(-sum(layer.stored_bits for layer in layers) // 8)
    weights = sum(layer.weights for layer in layers)
    console = plain_console()
    console.print(table)
    console.print(f"\n{path}: {total:,} bytes of constants for {weights:,} weights")


def _remarks(layer: LayerRecord) -> str:
    remarks = []
    if layer.magnitudes:
        remarks.append("{" + ",".join(map(str, layer.magnitudes)) + "}")
    if layer.points != 1:
        remarks.append(f"{layer.points:.2f} points")
    if layer.largest_shifts:
        remarks.append(f"{layer.largest_shifts} channels at n_c = 15")
    if layer.capped_shifts:
        remarks.append(f"{layer.capped_shifts} shifts lowered")
    if layer.dead_channels:
        remarks.append(f"{layer.dead_channels} dead channels")
    return ", ".join(remarks)
