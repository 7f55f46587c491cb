"""Depthwise layers with one tap a pass, with those of a kernel row, and with whole windows.

    python -m benchmarks.depthwise MODEL... [--machine base]

Compiles each network three times: every depthwise tile holds a single tap, the taps of a kernel
row, or what the compiler chooses. Prints the tables of docs/compiler.md: the cycles of the layers'
MACs and of the RQ behind each, and those of the whole network.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest.mock import patch

from npusim.compiler.compile import compile_network
from npusim.compiler.linear import layer as linear_layer
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.simulator.run import time_program
from tools.markdown import header, row

tap_choices = linear_layer.tap_choices


def one_tap(layer: linear_layer.LinearLayer, machine: Machine) -> list[tuple[int, int]]:
    """Return the choices without those of several taps."""
    return tap_choices(layer, machine)[-1:]


def kernel_row(layer: linear_layer.LinearLayer, machine: Machine) -> list[tuple[int, int]]:
    """Return the choices without those of several kernel rows."""
    return [taps for taps in tap_choices(layer, machine) if taps[0] == 1]


def cycles_of(network: Network, machine: Machine) -> tuple[int, int, int]:
    """Return the cycles of depthwise MACs, of the RQs behind them, and of all runs."""
    program = compile_network(network, machine, with_data=False)
    spent, everything = {"MAC": 0, "RQ": 0}, 0
    for step, timeline in zip(program.runs(), time_program(program), strict=True):
        everything += timeline.cycles
        depthwise = False
        for index in range(step.count):
            item = program.instructions[step.first + index]
            if item.name == "MAC":
                depthwise = bool(item["depthwise"])
            if item.name in spent and depthwise:
                spent[item.name] += int(timeline.retire[index] - timeline.issue[index])
    return spent["MAC"], spent["RQ"], everything


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--machine", default="base")
    arguments = parser.parse_args()
    machine = Machine.load(arguments.machine)
    titles = ("MAC, one tap", "kernel row", "window", "RQ", "network, kernel row", "window")
    print(*header("network", *titles), sep="\n")
    for path in arguments.models:
        network = load(path)
        found = []
        for choices in (one_tap, kernel_row, tap_choices):
            with patch.object(linear_layer, "tap_choices", choices):
                found.append(cycles_of(network, machine))
        cells = [*(mac for mac, _, _ in found), found[2][1], found[1][2], found[2][2]]
        print(row(path.stem, *(f"{cell:,}" for cell in cells)))


if __name__ == "__main__":
    main()
