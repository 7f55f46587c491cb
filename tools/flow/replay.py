"""Replay recorded traffic on a netlist in Icarus, with delays, and price its edges."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.flow.netlist import Netlist, Port, timing
from tools.flow.toggles import dump_energies
from tools.flow.verilog import bench, cell_models, netlist_module


@dataclass(frozen=True, eq=False)
class Window:
    """Consecutive cycles of an instance in RTL.

    `values`: port -> its bits in each cycle, highest first, x where RTL does not know; `state`: the
    bits of each signal of `Netlist.registers` in the first cycle.
    """

    values: Mapping[str, list[str]]
    state: Mapping[str, str]

    @property
    def cycles(self) -> int:
        """Number of cycles; the first has no energy."""
        return len(next(iter(self.values.values())))


@dataclass(frozen=True, eq=False)
class Replay:
    """What windows cost.

    `windows_fj`: for each [cycles - 1, groups]; `clocks_fj`: what edges of clocks cost of it;
    `wrong_cycles`: those with an output unlike RTL's.
    """

    groups: tuple[str, ...]
    windows_fj: list[NDArray[np.float64]]
    clocks_fj: list[NDArray[np.float64]]
    wrong_cycles: int
    longest_ps: float


def period_ps(longest_ps: float) -> int:
    """Return a clock in whose high half everything settles: twice the longest path and more."""
    return 2 * int(-(-longest_ps * 1.1 // 1000) + 1) * 1000


def replay(netlist: Netlist, windows: Sequence[Window]) -> Replay:
    """Return the energy of each cycle of each window but its first.

    Raises
    ------
    SystemExit
        Icarus failed.
    """
    times = timing(netlist)
    period = period_ps(times.longest_ps)
    cycles = sum(window.cycles for window in windows)
    registers = netlist.registers()
    with tempfile.TemporaryDirectory(prefix="npusim-gates-") as folder:
        place = Path(folder)
        used = [netlist.library.cells[name] for name in sorted(set(netlist.types))]
        text = ["`timescale 1ps/1ps", cell_models(used), netlist_module(netlist, times)]
        (place / "gates.v").write_text("\n".join(text))
        count = (cycles, len(windows))
        (place / "bench.v").write_text(bench(netlist, list(registers), count, period))
        write_stimuli(place, netlist, registers, windows)
        _run(["iverilog", "-g2012", "-s", "bench", "-o", "gates.vvp", "gates.v", "bench.v"], place)
        os.mkfifo(place / "edges.vcd")
        with subprocess.Popen(
            ["vvp", "-n", "gates.vvp"], cwd=place, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as simulation:  # fmt: skip
            energies = dump_energies(place / "edges.vcd", netlist, times, cycles, period)
            said = simulation.communicate()[0]
    found = re.search(r"wrong (\d+)", said)
    if found is None:
        raise SystemExit(f"Icarus: expected the count of wrong cycles, found {said[-300:]!r}")
    if int(found[1]):
        print(said, flush=True)
    ends = np.cumsum([window.cycles for window in windows])
    parts, clocks = (
        [part[1:] for part in np.split(of, ends[:-1])]
        for of in (energies.energy_fj, energies.clock_fj)
    )
    return Replay(energies.groups, parts, clocks, int(found[1]), times.longest_ps)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {(done.stdout + done.stderr)[:500]}")


def write_stimuli(
    folder: Path,
    netlist: Netlist,
    registers: Mapping[int, tuple[str, int, bool]],
    windows: Sequence[Window],
) -> None:
    """Write what `bench` reads: in, out, known and begins by cycle, state by window, in hex."""
    lines: dict[str, list[str]] = {name: [] for name in ("in", "out", "known", "begins", "state")}
    for window in windows:
        for bits in _rows(netlist.inputs, window):
            lines["in"].append(_hex(re.sub("[^01]", "0", bits)))
        for bits in _rows(netlist.outputs, window):
            lines["out"].append(_hex(re.sub("[^01]", "0", bits)))
            lines["known"].append(_hex(bits.translate(_KNOWN)))
        lines["begins"] += ["1"] + ["0"] * (window.cycles - 1)
        first = [
            str(int(window.state[name][-1 - bit] == "1") ^ inverted)
            for name, bit, inverted in registers.values()
        ]
        lines["state"].append(_hex("".join(reversed(first)) or "0"))
    for name, text in lines.items():
        (folder / f"{name}.hex").write_text("\n".join(text) + "\n")


_KNOWN = str.maketrans("01xz", "1100")


def _rows(ports: list[Port], window: Window) -> Iterator[str]:
    columns = [window.values[port.name] for port in reversed(ports)]
    return ("".join(bits) for bits in zip(*columns, strict=True))


def _hex(bits: str) -> str:
    return f"{int(bits, 2):x}"
