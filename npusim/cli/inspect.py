"""`npusim inspect`: what is in a network, and what of it runs where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import (
    machine_option,
    model_argument,
    outputs_option,
    requant_option,
    shape_option,
)

if TYPE_CHECKING:
    from npusim.graph.network import Network
    from npusim.graph.tensor import Tensor
    from npusim.machines import Machine


@click.command("inspect")
@model_argument
@shape_option
@outputs_option
@machine_option
@requant_option
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    machine: str | Machine,
    requant: str,
) -> None:
    """Print the inputs, outputs and operators of a network, and where each runs on a machine."""
    from npusim.errors import NpuError
    from npusim.formats.files import load
    from npusim.machines import Machine
    from npusim.operators.count import layer_macs, layer_scheme, layer_weight_bytes
    from npusim.report.sheet import Column, Sheet
    from npusim.report.terminal import counted, plain_console

    network = load(model, shapes, outputs)
    target = Machine.of(machine)
    console = plain_console()
    kind = "integer" if network.is_integer else "float"
    console.print(f"{network.name}: {kind} network, {counted(len(network.nodes), 'operator')}")
    for what, names in (("input", network.inputs), ("output", network.outputs)):
        for name in names:
            console.print(f"{what} {name}: {_described(network.tensors[name])}")
    try:
        places = _places(network, target, requant)
        why = ""
    except NpuError as error:
        places, why = {}, f"does not run on {target.name}: {error}"
    sheet = Sheet(
        (
            Column("operator", is_name=True),
            Column("kind", is_text=True),
            Column("output shape", 2, is_text=True),
            Column("type", 4, is_text=True),
            Column("weights", 3, is_text=True),
            Column("weight bytes", 1),
            Column("MACs", 1),
            Column(f"on {target.name}", is_text=True),
        )
    )
    for node in network.nodes:
        output = network.output_of(node)
        macs, weight_bytes = layer_macs(network, node), layer_weight_bytes(network, node)
        sheet.add(
            node.name, node.kind, " ".join(map(str, output.shape)), output.dtype.name,
            layer_scheme(network, node), f"{weight_bytes:,}" if weight_bytes else "",
            f"{macs:,}" if macs else "", places.get(node.name, ""),
        )  # fmt: skip
    console.print()
    sheet.show(console)
    console.print()
    if why:
        console.print(why)
    console.print(_advice(network))
    for note in network.notes:
        console.print(f"note: {note}")


def _places(network: Network, machine: Machine, requant: str) -> dict[str, str]:
    """Return where each node runs, by its name."""
    from npusim.analysis.absorbed import absorbed
    from npusim.engines.estimate import estimate

    program = estimate(network, machine, requant).program
    places = {layer.name: "machine" for layer in program.layers}
    places |= {step.node: "host" for step in program.steps if step.kind == "host"}
    return places | {one.name: one.words for one in absorbed(network, program)}


def _described(tensor: Tensor) -> str:
    """Return type, shape in the file's order, and quantization."""
    order = tensor.file_order or range(len(tensor.shape))
    shape = " x ".join(str(tensor.shape[axis]) for axis in order) or "scalar"
    text = f"{tensor.dtype.name} {shape}"
    q = tensor.quantization
    if q is None:
        return text
    if q.axis is not None:
        return f"{text}, scale and zero point by channel"
    low, high = (
        (limit - int(q.zero_point)) * float(q.scale)
        for limit in _limits(tensor.dtype.name)
    )  # fmt: skip
    return (
        f"{text}, scale {float(q.scale):.6g}, zero point {int(q.zero_point)}: "
        f"real values {low:.4g}..{high:.4g}"
    )


def _limits(dtype: str) -> tuple[int, int]:
    import numpy as np

    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _advice(network: Network) -> str:
    """Return what to feed it, and whether it is to be quantized first."""
    if network.absent_weights:
        return "the file holds shapes without weights: estimate takes it"
    if len(network.inputs) != 1:
        return f"samples: an array for each of {', '.join(network.inputs)}"
    tensor = network.tensors[network.inputs[0]]
    order = tensor.file_order or range(len(tensor.shape))
    shape = " x ".join(["N", *(str(tensor.shape[axis]) for axis in order if axis)])
    if tensor.is_float:
        kind = "float32 real values, as the network was trained on"
    elif tensor.quantization is None:
        kind = f"{tensor.dtype.name}"
    else:
        kind = f"{tensor.dtype.name} codes, or float32 real values"
    use = "" if network.is_integer else "; quantize takes them by --calibrate, run what it writes"
    return f"samples: {kind}, {shape}{use}"
