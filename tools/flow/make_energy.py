"""Energy of the RTL's modules at gate level, written to npusim/cost/tables/ and docs/.

    python -m tools.flow.make_energy nangate45|ihp_sg13g2 LIBRARY.lib[.gz] [--work FOLDER]
                                     [--only MODULE]... [--runs FORMAT]

Each module is synthesized, its instance in the machine's RTL recorded while real layers run, and
the recording replayed on the gates in Icarus with delays; docs/energy_table.md says what is priced
how. A work folder keeps netlists and recordings from one run to the next; `--only` makes
the rows of some modules again and keeps the others, with the commit of each beside the table;
`--runs` those of builds that run a weight format alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tools.checkout import ROOT, commit
from tools.flow import native_yosys
from tools.flow.activity_fit import fit_activity
from tools.flow.energy_rows import operation_energies, row_json
from tools.flow.liberty import Library, read_library
from tools.flow.netlist import Netlist, read_netlist
from tools.flow.replay import Window, replay
from tools.flow.synthesis import map_to_cells, rtl_files
from tools.flow.traffic import HELD_OUT, VECTOR, Build, Traffic, record_build
from tools.flow.units import COLUMN, FORMED, LEVELS, OWN, SHARED, SIZED, UNITS, WEIGHTS, Unit

TABLES = ROOT / "npusim" / "cost" / "tables"
FULL = (8, 1, 4)
WIDEST = (8, 1, 7)
"""All formats, pwlq as wide as there is: what machines with more than 4 bits are priced by."""
WITH_TABLE = Build(16, *FULL, lut=1), Build(16, 8, 0, 0, lut=1), Build(16, *WIDEST, lut=1)
"""With lut's table, which changes decoders; columns are those of uniform8."""
DOUBLED = (
    Build(16, 6, 0, 0, pwlq_double=1), Build(16, 8, 0, 0, pwlq_double=1),
    Build(16, *WIDEST, lut=1, pwlq_double=1),
)  # fmt: skip
"""With pwlq_double, whose integers are decoded for a column of uniform6 or uniform8."""
BUILDS: tuple[tuple[Build, tuple[Unit, ...]], ...] = (
    (Build(4, *FULL), UNITS),
    (Build(16, *FULL), SIZED),
    (Build(4, *FULL), OWN),
    (Build(16, 8, 0, 0), SIZED),
    (Build(16, 6, 0, 0), SIZED),
    (Build(16, 4, 0, 0), SIZED),
    (Build(16, 0, 1, 0), SIZED),
    (Build(16, 0, 0, 4), SIZED),
    (Build(4, *WIDEST), FORMED),
    (Build(4, *WIDEST), OWN),
    (Build(4, *FULL, 2), SHARED),
    (Build(4, *FULL, 4), SHARED),
    *((build, (WEIGHTS,)) for build in (*WITH_TABLE, *DOUBLED)),
)
STILL_CYCLES = 12
STREAMS = (
    "digits (npusim/networks/digits) quantized from float by each scheme, test sample number "
    "`seed`, recorded in the machine's RTL: two windows of MAC and one of RQ, VEC, LD, ST a layer, "
    "64 cycles each, placed by `seed`; layer pointwise left out"
)
CLASSES = {
    "idle": "a cycle without operation, clock on: the clock pins of the registers (no gating)",
    "uniform8, uniform6, uniform4, subset, pwlq": "npu_pe_column: a cycle with operands of a real "
    "layer in all ROWS rows; uniform4: weights of at most 4 bits; uniform6: of at most 6, where "
    "the multiplier has no more",
    "zero": "npu_pe_column: a cycle in which nothing changes, the same as idle",
    "load, swap": "npu_weight_column: a cycle that decodes one code; that takes over the shadow",
    "operand": "npu_subtract_zero_point: a cycle with one operand",
    "accumulate": "npu_accumulate: a cycle that adds to one accumulator of region 0",
    "merge, read": "npu_merge_regions: a cycle with a merge; with any other read of ACC, whose "
    "output drives it",
    "requantize, term": "npu_requantize: a cycle with a result of one term; idle and one more term",
    "max, sum": "npu_pool: a cycle with one tap",
    "add": "npu_add: two taps, idle once",
    "lookup": "npu_lookup: a cycle with one tap",
    "term, par, operand, tap": "npu_lane, npu_array: their own logic, without the modules they "
    "hold: a cycle with a term, a constant, an operand of a MAC, a tap",
    "term, tap, lookup": "npu_epilogue, npu_shared_lookup: likewise, where lanes share them",
    "run": "npu_mac_engine, npu_vector_engine: a busy cycle",
    "dispatch": "npu_sequencer: a cycle that takes one instruction",
    "beat": "npu_fetch, npu_ld, npu_st: a cycle with one beat on the bus",
}
"""Operation class -> what its pJ are the energy of."""


def netlist_name(unit: Unit, build: Build, cells: Library) -> str:
    """Return the name of a netlist in the work folder."""
    return "-".join([cells.name, unit.module, *map(str, unit.parameters(build).values())])


def netlist_of(unit: Unit, build: Build, library: Path, cells: Library, work: Path) -> Netlist:
    """Return the mapped module, from the work folder where it is there."""
    parameters = unit.parameters(build)
    name = netlist_name(unit, build, cells)
    path = work / f"{name}.json"
    if not path.exists():
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="npusim-energy-") as temporary:
            folder = Path(temporary)
            files = rtl_files(unit.module)
            map_to_cells(unit.module, files, parameters, library, folder, own=unit.own)
            (folder / "netlist.json").rename(path)
        print(f"  synthesized {name} in {time.monotonic() - start:.0f} s", flush=True)
    return read_netlist(path, cells)


def windows_of(unit: Unit, traffic: list[Traffic]) -> list[Traffic]:
    """Return the idle window, then those of the unit's kinds in layers that may be fitted to."""
    idle = [t for t in traffic if t.kind == "idle" and t.format in unit.formats][:1]
    return idle + [
        t for t in traffic
        if t.kind in unit.kinds and t.layer not in HELD_OUT and t.format in unit.formats
    ]  # fmt: skip


def window(unit: Unit, netlist: Netlist, traffic: Traffic) -> Window:
    """Return what the recording holds of the unit's ports and registers."""
    recording, prefix = traffic.recording, f"{unit.path}."
    ports = [port.name for port in netlist.inputs + netlist.outputs]
    values = {name: recording.values[prefix + name] for name in ports}
    state = {name: recording.state[prefix + name] for name, *_ in netlist.registers().values()}
    return Window(values, state)


def traffic_of(
    build: Build,
    units: tuple[Unit, ...],
    netlists: dict[str, Netlist],
    seed: int,
    work: Path,
    formats: tuple[str, ...] = (),
) -> list[Traffic]:
    """Return the recordings of `formats`, of all that the build runs where none are named."""
    signals, states = {}, {}
    for unit in units:
        netlist = netlists[unit.module]
        for port in netlist.inputs + netlist.outputs:
            signals[f"{unit.path}.{port.name}"] = f"{unit.path}.{port.source}"
        for name, *_ in netlist.registers().values():
            states[f"{unit.path}.{name}"] = f"{unit.path}.{name}"
    forms = formats or build.formats + ((VECTOR,) if units == UNITS else ())
    if units in (OWN, SHARED):
        forms = ("uniform8", "pwlq", VECTOR)
    if build in (*WITH_TABLE, *DOUBLED):
        decoded = ("lut",) * build.lut + ("pwlq_double",) * build.pwlq_double
        forms = (f"uniform{build.uniform_bits}", *decoded)
    return [
        part for form in forms
        for part in record_build(build, form, signals, states, seed, work)
    ]  # fmt: skip


def row(unit: Unit, build: Build, netlist: Netlist, traffic: list[Traffic]) -> dict[str, Any]:
    """Replay a unit's windows; return its row."""
    chosen = windows_of(unit, traffic)
    start = time.monotonic()
    result = replay(netlist, [window(unit, netlist, t) for t in chosen])
    if result.wrong_cycles:
        raise SystemExit(f"{unit.module}: {result.wrong_cycles} cycles unlike RTL's")
    energies = [part.sum(axis=1) / 1e3 for part in result.windows_fj]
    counts = [unit.count(t.recording, t.format) for t in chosen[1:]]
    idle = float(np.median(energies[0]))
    found = operation_energies(unit, build.size, idle, counts, energies[1:])
    facts = {
        "cells": len(netlist.types), "area_um2": sum(netlist.area_um2.values()),
        "leakage_uw": sum(netlist.leakage_uw.values()),
    }  # fmt: skip
    cycles = sum(map(len, energies))
    print(
        f"  {unit.module} {dict(unit.parameters(build))}: {cycles} cycles in "
        f"{time.monotonic() - start:.0f} s: { {k: round(v, 3) for k, v in found.items()} }",
        flush=True,
    )
    made = row_json(unit.module, unit.parameters(build), facts, found)
    if unit is COLUMN:
        made["activity"] = fit_activity(build, chosen[1:], idle, energies[1:])
    return made


def levels_row(library: Path, cells: Library, work: Path) -> dict[str, Any]:
    """Return the row of the registers of lut's levels, which two CFG write for a layer."""
    build = WITH_TABLE[0]
    netlist = netlist_of(LEVELS, build, library, cells, work)
    ports = (*netlist.inputs, *netlist.outputs)
    still = {port.name: ["0" * len(port.nets)] * STILL_CYCLES for port in ports}
    bits = Counter(name for name, *_ in netlist.registers().values())
    state = {name: "0" * count for name, count in bits.items()}
    result = replay(netlist, [Window(still, state)])
    if result.wrong_cycles:
        raise SystemExit(f"{LEVELS.module}: {result.wrong_cycles} cycles unlike RTL's")
    facts = {
        "cells": len(netlist.types), "area_um2": sum(netlist.area_um2.values()),
        "leakage_uw": sum(netlist.leakage_uw.values()),
    }  # fmt: skip
    idle = float(np.median(result.windows_fj[0].sum(axis=1))) / 1e3
    return row_json(LEVELS.module, LEVELS.parameters(build), facts, {"idle": idle})


def main() -> int:
    """Write the table of one technology."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("technology", choices=("nangate45", "ihp_sg13g2"))
    parser.add_argument("library", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--runs", help="--only: of builds that run this weight format")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="npusim-energy-"))
    work.mkdir(exist_ok=True, parents=True)
    cells = read_library(options.library)
    table = TABLES / f"{options.technology}.json"
    if options.only:
        again(options, cells, table, work)
        return 0
    rows: list[dict[str, Any]] = []
    for build, units in BUILDS:
        netlists = {u.module: netlist_of(u, build, options.library, cells, work) for u in units}
        traffic = traffic_of(build, units, netlists, options.seed, work)
        for unit in units:
            name = netlist_name(unit, build, cells)
            kept = work / f"{name}-{build.size}-{options.seed}.row"
            if not kept.exists():
                made = row(unit, build, netlists[unit.module], traffic)
                kept.write_text(json.dumps(made))
            made = json.loads(kept.read_text())
            key = made["module"], made["parameters"]
            if key not in [(other["module"], other["parameters"]) for other in rows]:
                rows.append(made)  # builds share some: accumulators of one width
            partial = TABLES.joinpath(f"{options.technology}.json")
            document = {**head(options, cells), "modules": rows}
            (work / partial.name).write_text(json.dumps(document, indent=1) + "\n")
    document["modules"].append(levels_row(options.library, cells, work))
    document["provenance"]["seed_noise"] = noise(options, cells, rows, work)
    (TABLES / f"{options.technology}.json").write_text(json.dumps(document, indent=1) + "\n")
    return 0


def again(options: argparse.Namespace, cells: Library, table: Path, work: Path) -> None:
    """Make the rows of the modules of `--only` again, in their places or at the table's end."""
    document = json.loads(table.read_text())
    if LEVELS.module in options.only:
        others = [old for old in document["modules"] if old["module"] != LEVELS.module]
        made = {**levels_row(options.library, cells, work), "commit": commit(40)}
        document["modules"] = [*others, made]
        table.write_text(json.dumps(document, indent=1) + "\n")
    for build, units in BUILDS:
        chosen = tuple(unit for unit in units if unit.module in options.only)
        if not chosen or (options.runs and options.runs not in build.formats):
            continue
        netlists = {u.module: netlist_of(u, build, options.library, cells, work) for u in chosen}
        asked = dict.fromkeys(form for unit in chosen for form in unit.formats)
        forms = tuple(form for form in asked if form in (*build.formats, VECTOR))
        traffic = traffic_of(build, chosen, netlists, options.seed, work, forms)
        for unit in chosen:
            made = row(unit, build, netlists[unit.module], traffic)
            formats = {k: v for k, v in made["parameters"].items() if k != "MAX_TERMS"}
            rows = document["modules"]
            places = [
                i
                for i, old in enumerate(rows)
                if old["module"] == unit.module
                and {k: v for k, v in old["parameters"].items() if k != "MAX_TERMS"} == formats
            ]
            place = slice(places[0], places[0] + 1) if places else slice(len(rows), None)
            rows[place] = [{**made, "commit": commit(40)}]
            table.write_text(json.dumps(document, indent=1) + "\n")


def noise(
    options: argparse.Namespace, cells: Library, rows: list[dict[str, Any]], work: Path
) -> dict[str, float]:
    """Return how far the classes of nano's column lie from those that the next seed gives."""
    build, seed = BUILDS[0][0], options.seed + 1
    kept = work / f"{cells.name}-noise-{seed}.row"
    if not kept.exists():
        netlist = netlist_of(COLUMN, build, options.library, cells, work)
        traffic = traffic_of(build, (COLUMN,), {COLUMN.module: netlist}, seed, work)
        kept.write_text(json.dumps(row(COLUMN, build, netlist, traffic)))
    first, other = rows[0]["energy_pj"], json.loads(kept.read_text())["energy_pj"]
    return {
        f"{COLUMN.module} {name}": round(abs(other[name] / value - 1), 4)
        for name, value in first.items()
        if name in other
    }


def head(options: argparse.Namespace, cells: Library) -> dict[str, Any]:
    """Return the table's head: where the numbers come from."""
    icarus = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, check=True).stdout
    return {
        "technology": options.technology,
        "voltage_v": cells.voltage_v,
        "temperature_c": cells.temperature_c,
        "corner": "typical",
        "provenance": {
            "command": f"python -m tools.flow.make_energy {options.technology} "
                       f"{options.library.name} --seed {options.seed}",
            "commit": commit(40),
            "library": cells.name,
            "library_sha256": hashlib.sha256(options.library.read_bytes()).hexdigest(),
            "yosys": native_yosys.release(),
            "simulator": icarus.splitlines()[0],
            "seed": options.seed,
            "streams": STREAMS,
        },
        "operation_classes": CLASSES,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
