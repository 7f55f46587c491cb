"""Depthwise layers with one row of the array in use, and with a row for each tap of a kernel row.

    python -m benchmarks.depthwise MODEL... [--machine base]

Compiles each network twice; the first time every depthwise tile holds a single tap. Prints the
table of docs/compiler.md.
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


def depthwise_layers(network: Network, machine: Machine) -> list[LayerCycles]:
    """Return the rows of the layers whose channels are convolved one by one."""
    names = set()
    for node in network.nodes:
        channels = network.output_of(node).shape[-1]
        if isinstance(node.operator, op.Conv2D) and node.operator.groups == channels > 1:
            names.add(node.name)
    return [layer for layer in estimate(network, machine).layers if layer.name in names]


def totals_row(name: str, machine: Machine, one: list[LayerCycles], many: list[LayerCycles]) -> str:
    """Return a line of the table: sums over the depthwise layers of a network."""
    cells = [f"{sum(layer.macs for layer in one):,}"]
    totals = [sum(layer.cycles for layer in layers) for layers in (one, many)]
    for layers, cycles in zip((one, many), totals, strict=True):
        macs = sum(layer.macs for layer in layers)
        cells += [f"{cycles:,}", f"{macs / (cycles * machine.size**2):.1%}"]
    return row(name, len(one), *cells, f"{totals[0] / totals[1]:.2f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--machine", default="base")
    arguments = parser.parse_args()
    machine = Machine.load(arguments.machine)
    titles = ("cycles, one row", "array", "cycles, KW rows", "array", "ratio")
    print(*header("network", "layers", "MACs", *titles), sep="\n")
    for path in arguments.models:
        network = load(path)
        with patch.object(linear_layer, "row_choices", return_value=[1]):
            one = depthwise_layers(network, machine)
        print(totals_row(path.stem, machine, one, depthwise_layers(network, machine)))


if __name__ == "__main__":
    main()
