"""Depthwise layers with one tap a pass, with those of a kernel row, and with a whole window.

    python -m benchmarks.depthwise MODEL... [--machine base]

Compiles each network three times: every depthwise tile holds a single tap, the taps of a kernel
row, or what the compiler chooses. Prints the table of docs/compiler.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest.mock import patch

from npusim import operators as op
from npusim.analysis.layer_cycles import LayerCycles
from npusim.compiler.linear import layer as linear_layer
from npusim.engines.estimate import estimate
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.machines import Machine
from tools.markdown import header, row

tap_choices = linear_layer.tap_choices


def one_tap(layer: linear_layer.LinearLayer, machine: Machine) -> list[tuple[int, int]]:
    """Return the choices without those of several taps."""
    return tap_choices(layer, machine)[-1:]


def kernel_row(layer: linear_layer.LinearLayer, machine: Machine) -> list[tuple[int, int]]:
    """Return the choices without those of several kernel rows."""
    return [taps for taps in tap_choices(layer, machine) if taps[0] == 1]


def depthwise_layers(network: Network, machine: Machine) -> list[LayerCycles]:
    """Return the rows of the layers whose channels are convolved one by one."""
    names = set()
    for node in network.nodes:
        channels = network.output_of(node).shape[-1]
        if isinstance(node.operator, op.Conv2D) and node.operator.groups == channels > 1:
            names.add(node.name)
    return [layer for layer in estimate(network, machine).layers if layer.name in names]


def totals_row(name: str, machine: Machine, mappings: list[list[LayerCycles]]) -> str:
    """Return a line of the table: sums over the depthwise layers of a network."""
    macs = sum(layer.macs for layer in mappings[0])
    totals = [sum(layer.cycles for layer in layers) for layers in mappings]
    cells = [f"{macs:,}"]
    for cycles in totals:
        cells += [f"{cycles:,}", f"{macs / (cycles * machine.size**2):.1%}"]
    return row(name, len(mappings[0]), *cells, f"{totals[1] / totals[2]:.2f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--machine", default="base")
    arguments = parser.parse_args()
    machine = Machine.load(arguments.machine)
    titles = ("cycles, one tap", "array", "kernel row", "array", "window", "array", "ratio")
    print(*header("network", "layers", "MACs", *titles), sep="\n")
    for path in arguments.models:
        network = load(path)
        mappings = []
        for choices in (one_tap, kernel_row, tap_choices):
            with patch.object(linear_layer, "tap_choices", choices):
                mappings.append(depthwise_layers(network, machine))
        print(totals_row(path.stem, machine, mappings))


if __name__ == "__main__":
    main()
