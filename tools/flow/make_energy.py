"""Energy of the RTL's modules at gate level, written to npusim/cost/tables/ and docs/.

    python -m tools.flow.make_energy nangate45|ihp_sg13g2 LIBRARY.lib[.gz] [--work FOLDER]
                                     [--only MODULE]... [--digits-alone] [--noise MODULE]...

Each module is synthesized, with clock gates in place of enables and without, its instance in the
machine's RTL recorded while real layers run, and the recording replayed on the gates in Icarus
with delays; docs/energy_table.md says what is priced how. A row is written as soon as it is made,
with the hash of its Verilog. A run makes the rows that are missing or of other Verilog, so it may
be stopped and taken up again. A work folder keeps netlists and recordings. `--noise` makes no row:
it says how far the next seed's sample and windows move the classes of a module of `base`.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.checkout import MODELS, ROOT
from tools.flow import native_yosys
from tools.flow.activity_fit import fit_activity
from tools.flow.energy_builds import BUILDS, FORM_OF_ALL, OF_ALL, WITH_TABLE
from tools.flow.energy_document import Document
from tools.flow.energy_rows import facts_of, measured, operation_energies, row_json
from tools.flow.liberty import Library, read_library
from tools.flow.netlist import Netlist, read_netlist
from tools.flow.replay import Window, replay
from tools.flow.streams import STREAMS, Stream
from tools.flow.synthesis import gated_by, map_to_cells, rtl_files
from tools.flow.timing import parameters_of
from tools.flow.traffic import HELD_OUT, VECTOR, Build, Traffic, record_build
from tools.flow.units import COLUMN, LEVELS, OWN, UNITS, Unit, sources_of

TABLES = ROOT / "npusim" / "cost" / "tables"
STILL_CYCLES = 12
RECORDED = (
    "digits (npusim/networks/digits), quantized from float by each scheme, and with 8-bit weights, "
    "on `base`, layers of {names}, sample number `seed`, recorded in the machine's "
    "RTL: windows of MAC (two a layer), VEC (three), RQ, LD and ST (one), 64 cycles each, placed "
    "by `seed`; layer pointwise of digits is left out"
)
CLASSES = {
    "idle": "a cycle without operation: what the clock moves, of registers without a gate and of "
    "gates",
    "uniform8, uniform6, uniform4, subset, pwlq": "npu_pe_column: a cycle with operands of a real "
    "layer in all ROWS rows; uniform4: weights of at most 4 bits; uniform6: of at most 6, where "
    "the multiplier has no more",
    "run": "npu_pe_column, npu_accumulate: a cycle with operands at the array, its clock alone; "
    "npu_mac_engine, npu_vector_engine: a busy cycle",
    "load, swap": "npu_weight_column: a cycle that decodes one code; that takes over the shadow",
    "operand": "npu_subtract_zero_point, npu_rows: a cycle with one operand, with operands",
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
    "word, par": "npu_scratchpads, npu_accumulators: a cycle with one access, without the "
    "memory's own; of PAR, whose words are four times as wide",
    "read": "npu_lines: a cycle that reads a column",
    "dispatch": "npu_sequencer: a cycle that takes one instruction",
    "beat": "npu_fetch, npu_ld, npu_st: a cycle with one beat on the bus",
}
"""Operation class -> what its pJ are the energy of."""


def netlist_of(
    unit: Unit, build: Build, library: Path, cells: Library, work: Path, gated: bool
) -> Netlist:
    """Return the mapped module, from the work folder where it is there."""
    machine = build.machine
    own = machine.parameters if unit.all_parameters else parameters_of(unit.module, machine)
    parameters = {**own, **unit.parameters(build)}
    made = [cells.name, unit.module, *map(str, parameters.values()), sources_of(unit)]
    name = "-".join([*made, "gated"] if gated else made)
    path = work / f"{name}.json"
    if not path.exists():
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="npusim-energy-") as temporary:
            folder = Path(temporary)
            gate = cells.smallest_clock_gate if gated else None
            map_to_cells(unit.module, rtl_files(unit.module), parameters, library, folder,
                         outside=unit.outside, gate=gate)  # fmt: skip
            shutil.move(folder / "netlist.json", path)
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
    netlists: Mapping[Unit, Netlist],
    seed: int,
    work: Path,
    streams: Sequence[Stream] = STREAMS,
) -> list[Traffic]:
    """Return what is recorded for units, in the formats that they are measured in."""
    signals, states = {}, {}
    for unit, netlist in netlists.items():
        for port in netlist.inputs + netlist.outputs:
            signals[f"{unit.path}.{port.name}"] = f"{unit.path}.{port.source}"
        for name, *_ in netlist.registers().values():
            states[f"{unit.path}.{name}"] = f"{unit.path}.{name}"
    formats = [*(f"uniform{bits}" for bits in (8, 6, 4)), "subset", "pwlq", "lut", "pwlq_double"]
    runs = [form for form in formats if form in build.formats] + [VECTOR]
    wanted = {form for unit in netlists for form in unit.formats}
    recordings: list[tuple[str, Stream | None]] = [(form, None) for form in runs if form in wanted]
    if recordings[0] == (FORM_OF_ALL, None) and build == OF_ALL:
        recordings[1:1] = [(FORM_OF_ALL, stream) for stream in streams]
    return record_build(build, recordings, signals, states, seed, work)


def row(unit: Unit, build: Build, netlist: Netlist, traffic: list[Traffic]) -> dict[str, Any]:
    """Replay a unit's windows; return its row."""
    chosen = windows_of(unit, traffic)
    start = time.monotonic()
    result = replay(netlist, [window(unit, netlist, t) for t in chosen])
    if result.wrong_cycles:
        raise SystemExit(f"{unit.module}: {result.wrong_cycles} cycles unlike RTL's")
    idle, *busy = measured(result)
    recordings = [(t.recording, t.format) for t in chosen[1:]]
    found = operation_energies(unit, build.size, idle, recordings, busy)
    cycles = sum(len(part.energy_pj) for part in (idle, *busy))
    shown = {name: round(value, 3) for name, value in found.energy_pj.items()}
    print(
        f"  {unit.module} {dict(unit.parameters(build))}: {cycles} cycles in "
        f"{time.monotonic() - start:.0f} s: {shown}",
        flush=True,
    )
    made = row_json(unit.module, unit.parameters(build), facts_of(netlist), found)
    if unit is COLUMN:
        made["activity"] = fit_activity(build, chosen[1:], idle, busy)
    return made


def levels_row(netlist: Netlist) -> dict[str, Any]:
    """Return the row of the registers of lut's levels, which two CFG write for a layer."""
    ports = (*netlist.inputs, *netlist.outputs)
    still = {port.name: ["0" * len(port.nets)] * STILL_CYCLES for port in ports}
    bits = Counter(name for name, *_ in netlist.registers().values())
    state = {name: "0" * count for name, count in bits.items()}
    result = replay(netlist, [Window(still, state)])
    if result.wrong_cycles:
        raise SystemExit(f"{LEVELS.module}: {result.wrong_cycles} cycles unlike RTL's")
    (idle,) = measured(result)
    found = operation_energies(LEVELS, 0, idle, [], [])
    return row_json(LEVELS.module, LEVELS.parameters(WITH_TABLE[0]), facts_of(netlist), found)


def main() -> int:
    """Make the rows of one technology that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("technology", choices=("nangate45", "ihp_sg13g2"))
    parser.add_argument("library", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append")
    parser.add_argument("--noise", action="append", default=[])
    parser.add_argument("--digits-alone", action="store_true", help="without the other networks")
    options = parser.parse_args()
    if not options.digits_alone and not (MODELS / "onnx").is_dir():
        parser.error(f"expected models in {MODELS}, found none; --digits-alone does without")
    options.streams = () if options.digits_alone else STREAMS
    work = options.work or Path(tempfile.mkdtemp(prefix="npusim-energy-"))
    work.mkdir(exist_ok=True, parents=True)
    cells = read_library(options.library)
    path = TABLES / f"{options.technology}.json"
    document = Document(path, head(options, cells), options.seed, options.streams)
    if options.noise:
        document.put_noise(noise(options, cells, document, work))
        return 0
    for gated in (True, False):
        for build, units in BUILDS:
            missing = [
                unit for unit in units
                if unit.module in (options.only or [unit.module])
                and not document.has(unit, build, gated)
            ]  # fmt: skip
            if missing:
                netlists = {
                    unit: netlist_of(unit, build, options.library, cells, work, gated)
                    for unit in missing
                }
                traffic = traffic_of(build, netlists, options.seed, work, options.streams)
                for unit, netlist in netlists.items():
                    made = row(unit, build, netlist, traffic)
                    document.put(unit, build, made, gated)
                    if gated and not made["clock_gates"]:  # no enable: both netlists are this one
                        document.put(unit, build, made, False)
    if LEVELS.module in (options.only or [LEVELS.module]):
        build = WITH_TABLE[0]
        for gated in (False, True):
            if not document.has(LEVELS, build, gated):
                netlist = netlist_of(LEVELS, build, options.library, cells, work, gated)
                document.put(LEVELS, build, levels_row(netlist), gated)
    return 0


def noise(
    options: argparse.Namespace, cells: Library, document: Document, work: Path
) -> dict[str, float]:
    """Return how far classes of base's netlists with gates are from those of the next seed."""
    build = OF_ALL
    units = [unit for unit in (*UNITS, *OWN) if unit.module in options.noise]
    netlists = {u: netlist_of(u, build, options.library, cells, work, True) for u in units}
    traffic = traffic_of(build, netlists, options.seed + 1, work, options.streams)
    found = {}
    for unit, netlist in netlists.items():
        first = document.energies(unit, build)
        for name, value in row(unit, build, netlist, traffic)["energy_pj"].items():
            found[f"{unit.module} {name}"] = round(abs(value / first[name] - 1), 4)
    return found


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
            "clock_gates": gated_by(cells.smallest_clock_gate).strip("; "),
            "library": cells.name,
            "library_sha256": hashlib.sha256(options.library.read_bytes()).hexdigest(),
            "yosys": native_yosys.release(),
            "simulator": icarus.splitlines()[0],
            "seed": options.seed,
            "streams": RECORDED.format(names=", ".join(s.name for s in options.streams) or "none"),
        },
        "operation_classes": CLASSES,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
