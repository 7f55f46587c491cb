"""Integer and float32 requantizer at gate level on the same accumulators of real layers.

    python -m tools.flow.requantizers nangate45|ihp_sg13g2 LIBRARY.lib[.gz]

Each unit is synthesized, with clock gates and without, and replayed with delays on every
accumulator of the shipped network's pointwise layers, one a cycle, channel by channel as RQ gives
them, and on idle cycles. The outputs are compared with the units' scalars. Area, leakage and
energy go to docs/requantizers.json, from which docs/numerics.md has its table; the float32 unit's
rows go to the technology's table, which has the integer one's from make_energy.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npusim.cosim.units import load_unit
from npusim.datapath.contract import Unit, Values
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.graph.weight_planes import weight_planes
from npusim.operators.pages import constants_of
from npusim.prepared.engine import prepare
from npusim.runtimes.requantization import Requantization
from npusim.words import ROUNDINGS
from tools.checkout import DIGITS, ROOT
from tools.flow.energy_rows import Classes, facts_of, measured, row_json
from tools.flow.liberty import read_library
from tools.flow.netlist import Netlist, Port, read_netlist
from tools.flow.replay import Window, replay
from tools.flow.synthesis import map_to_cells, rtl_files
from tools.flow.timing import sources
from tools.markdown import header
from tools.markdown import row as markdown_row

MEASURED = ROOT / "docs" / "requantizers.json"
TABLES = ROOT / "npusim" / "cost" / "tables"
UNITS: tuple[tuple[str, Mapping[str, int]], ...] = (
    ("requantize", {"MAX_TERMS": 1}),
    ("requantize_float", {}),
)
LIBRARIES = {"nangate45": "Nangate45", "ihp_sg13g2": "IHP SG13G2"}
Row = dict[str, Any]
PIXELS, CHANNELS, IDLE_CYCLES = 24, 8, 32
"""Of each layer, and at the end of the stream."""


def stream() -> list[tuple[int, int, int, int, tuple[int, int, int]]]:
    """Return (accumulator, multiplier, bias, shift, (zero point, low, high)) by cycle."""
    network = load(DIGITS / "digits_int8.onnx")
    with np.load(DIGITS / "digits_test.npz") as file:
        x = file["x"][:1]
    found = []
    for node in network.nodes:
        if node.kind not in ("Conv2D", "FullyConnected"):
            continue
        planes = weight_planes(network, node)
        c = constants_of(network, node, "half_up")
        if planes.shape[0] != 1 or planes.shape[2:4] != (1, 1) or c is None:
            continue
        found += list(_layer(network, node.inputs[0], planes[0, :, 0, 0].astype(int), c, x))
    return found


def _layer(
    network: Network, source: str, weights: np.ndarray, c: Requantization, x: np.ndarray
) -> Iterator[tuple[int, int, int, int, tuple[int, int, int]]]:
    tensor = network.tensors[source]
    zero_point = 0 if tensor.quantization is None else int(tensor.quantization.zero_point)
    values = prepare(network).run(x, keep=[source])[source].reshape(-1, weights.shape[1])
    sums = (values[:PIXELS].astype(int) - zero_point) @ weights.T
    m, b, s = (np.broadcast_to(v, len(weights)) for v in (c.multipliers[0], c.bias, c.shift))
    for channel in np.flatnonzero(m)[:CHANNELS]:
        for total in sums[:, channel]:
            bounds = (c.zero_point, c.low, c.high)
            yield int(total), int(m[channel]), int(b[channel]), int(s[channel]), bounds


def operands(unit: Unit, cycle: tuple[int, int, int, int, tuple[int, int, int]]) -> Values:
    """Return a unit's inputs for a cycle of the stream; float32 takes M / 2^s as its scale."""
    acc, multiplier, bias, shift, (zero_point, low, high) = cycle
    common = {"acc": acc, "zero_point": zero_point, "low": low, "high": high}
    if unit.name == "requantize_float":
        scale = int(np.float32(multiplier / 2.0**shift).view(np.uint32))
        return common | {"bias": round(bias / multiplier), "scale": scale}
    return common | {
        "multiplier": multiplier, "bias": bias, "shift": shift, "channel_shift": 0,
        "mode": ROUNDINGS.index("half_up"),
    }  # fmt: skip


def windows(unit: Unit, netlist: Netlist) -> list[Window]:
    """Return the idle window and the busy one."""
    cycles = [operands(unit, cycle) for cycle in stream()]
    terms = unit.parameters.get("MAX_TERMS", 0)
    outputs = []
    for values in cycles:
        given: dict[str, Any] = dict(values)
        if terms:
            given |= {name: [given[name]] for name in ("acc", "multiplier")}
        outputs.append(unit.scalar(**given))
    idle = [cycles[0]] * IDLE_CYCLES
    return [
        _window(netlist, unit, idle, [None] * IDLE_CYCLES, valid=0),
        _window(netlist, unit, cycles, outputs, valid=1),
    ]


def _window(
    netlist: Netlist, unit: Unit, cycles: list[Values], outputs: list[Any], valid: int
) -> Window:
    late = latency(unit)
    values: dict[str, list[str]] = {}
    ties = {name.removesuffix("_i"): value for name, value in unit.ties.items()}
    for port in netlist.inputs:
        name = port.name.removesuffix("_i")
        fixed: dict[str, Any] = {"en": 1, "rst": 0, "valid": valid, **ties}
        numbers = [fixed.get(name, cycle.get(name, 0)) for cycle in cycles]
        values[port.name] = [bits(port, number) for number in numbers]
    for port in netlist.outputs:
        known = outputs if port.name == "y_o" else [None] * len(outputs)
        delayed = [None] * late + known[: len(known) - late]
        values[port.name] = [
            "x" * len(port.nets) if y is None else bits(port, int(y)) for y in delayed
        ]
    state = {name: "0" * 64 for name, *_ in netlist.registers().values()}
    return Window(values, state)


def latency(unit: Unit) -> int:
    """Return a requantizer's latency, which no parameter changes."""
    assert isinstance(unit.latency_cycles, int)
    return unit.latency_cycles


def bits(port: Port, value: int) -> str:
    """Return a port's bits, highest first."""
    width = len(port.nets)
    return f"{value & ((1 << width) - 1):0{width}b}"


def measure(name: str, parameters: Mapping[str, int], library: Path, gated: bool) -> Row:
    """Return the row of one unit, with clock gates or without."""
    unit, cells = load_unit(name), read_library(library)
    gate = cells.smallest_clock_gate if gated else None
    with tempfile.TemporaryDirectory(prefix="npusim-requantizers-") as temporary:
        folder, files = Path(temporary), rtl_files(unit.module)
        map_to_cells(unit.module, files, parameters, library, folder, gate=gate)
        netlist = read_netlist(folder / "netlist.json", cells)
    result = replay(netlist, windows(unit, netlist))
    if result.wrong_cycles:
        raise SystemExit(f"{unit.module}: {result.wrong_cycles} cycles unlike the scalar's")
    idle, busy = measured(result)
    late = latency(unit)  # the pipeline fills
    energy, clock = (
        {"requantize": float(working[late:].mean()), "idle": float(np.median(resting[late:]))}
        for working, resting in (
            (busy.energy_pj, idle.energy_pj), (busy.clock_pj, idle.clock_pj),
        )
    )  # fmt: skip
    row = row_json(unit.module, parameters, facts_of(netlist), Classes(energy, clock))
    return {**row, "clock_gated": gated, "sources": sources(unit.module)}


def main() -> None:
    """Measure the units in one technology."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("technology", choices=("nangate45", "ihp_sg13g2"))
    parser.add_argument("library", type=Path)
    options = parser.parse_args()
    rows = []
    for name, parameters in UNITS:
        for gated in (False, True):
            rows.append(measure(name, parameters, options.library, gated))
            print(rows[-1], flush=True)
    kept = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    MEASURED.write_text(json.dumps(kept | {options.technology: rows}, indent=1) + "\n")
    with_rows(TABLES / f"{options.technology}.json", rows[-2:])


def with_rows(path: Path, rows: Sequence[Row]) -> None:
    """Put a module's rows into a technology's table, in place of those that it has."""
    document = json.loads(path.read_text())
    others = [other for other in document["modules"] if other["module"] != rows[0]["module"]]
    document["modules"] = [*others, *rows]
    path.write_text(json.dumps(document, indent=1) + "\n")


def comparison(measured: Mapping[str, Any]) -> list[str]:
    """Return the table of docs/numerics.md."""
    lines = header(
        "requantizer", "library", "clock gates", "um2", "idle, pJ", "a result, pJ"
    )  # fmt: skip
    for technology, rows in measured.items():
        for of in rows:
            title = f"`{of['module'].removeprefix('npu_')}`"
            energy = of["energy_pj"]
            figures = (
                f"{of['area_um2']:,.0f}", f"{energy['idle']:.1f}", f"{energy['requantize']:.1f}",
            )  # fmt: skip
            gates = of["clock_gates"] if of["clock_gated"] else "none"
            lines.append(markdown_row(title, LIBRARIES[technology], gates, *figures))
    return lines


if __name__ == "__main__":
    main()
