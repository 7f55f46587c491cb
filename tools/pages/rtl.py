"""Run whole networks and random programs on the simulated machine and on the RTL: docs/rtl.md.

    python -m tools.pages.rtl             what has changed since the last time
    python -m tools.pages.rtl --only kws  the same of rows with that in their name
    python -m tools.pages.rtl --all       everything
    python -m tools.pages.rtl --no-new    the page from the rows as they are (seconds)

Reads ../shared/models and ../shared/corpus. A row of docs/rtl.json has the hash of the Verilog, and
of all that the Verilog did: every event, the registers, DRAM with the code in it. Each time, every
program is compiled and simulated again: a row holds where the Verilog is the same and the simulator
of today predicts what it did then; else it is measured again, which takes a build for each machine.
So no row can be older than compiler, simulator or Verilog. tests/rtl/test_page.py asks that of some
rows. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from npusim.cosim.npu.random_runs import random_outcomes, random_runs
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network, network_outcomes, random_inputs
from npusim.errors import NpuError
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.isa.spec import FAULTS
from npusim.machines import Machine
from tests.compiler.blocks import BLOCKS, mobilenet_v3_small
from tools.checkout import DIGITS, MODELS, ROOT, SHARED, commit
from tools.flow.timing import code_of
from tools.markdown import header, row

OUTPUT, MEASURED = ROOT / "docs" / "rtl.md", ROOT / "docs" / "rtl.json"
OWN = DIGITS / "digits_int8.onnx"
SEED = 1
CHANGES = {"float32": {"array.fp32_requantizer": 1}, "8 rows": {"array.rows": 8}}
"""What a machine's label adds to its name."""
FLOAT, FLAT = "base + float32", "base + 8 rows"
MACHINES = ("base", FLOAT, "wide", FLAT)
"""Those that every network of ../shared/models runs on."""
Row = dict[str, Any]
Source = Path | Callable[[], Network]
"""A model's file, or what builds a network."""

NETWORKS = (
    *((OWN, name) for name in ("base", "nano", "small", "wide", FLAT)),
    *(
        (MODELS / "tflite" / f"{name}.tflite", machine)
        for name in (
            "kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "ad_ae_int8",
            "tflm_hello_world_int8", "tflm_micro_speech_int8", "tflm_person_detect_int8_qdimfix",
            "coral_mobilenet_v1_025_128_uint8", "vww_14blk_int8", "ic_resnet_large_int8",
            "ic_resnet_6blk_int8", "coral_tf2_mobilenet_v2_ptq", "tflm_mobilenet_v2_int8",
        )
        for machine in MACHINES
    ),
    *(
        (MODELS / "onnx" / f"{name}.onnx", machine)
        for name in (
            "kws_dscnn_int8_QDQ", "kws_dscnn_int8_QOperator", "ic_resnet8_int8_QDQ",
            "ic_resnet8_int8_QOperator", "vww_mbv1_int8_QDQ", "vww_mbv1_int8_QOperator",
            "shufflenet-v2-12-int8",
        )
        for machine in MACHINES
    ),
    (mobilenet_v3_small, "base"),
)  # fmt: skip
"""Networks and the machines that they run on, on Verilator, with the machine's own memory."""
CORPUS = tuple(
    (path, machine)
    for folder in ("tflite", "onnx", "operators")
    for path in sorted((SHARED / "corpus" / folder).glob("*.*"))
    if path.suffix in (".tflite", ".onnx")
    for machine in ("base", FLOAT)
)
"""Files of which some are refused, and some leave nothing to the machine: those have no row."""
PARTS = tuple((build, "base") for build in BLOCKS.values())
"""Blocks in the shapes of well-known networks, with random weights: tests/compiler/blocks.py."""
RANDOM = (("nano", "icarus", 200), ("nano", "verilator", 2000), ("small", "verilator", 200),
          ("base", "verilator", 200), ("wide", "verilator", 100),
          (FLOAT, "verilator", 200), (FLAT, "verilator", 200))  # fmt: skip
"""Machine, simulator, programs; every program with a memory of its own."""

HEAD = """\
# The machine in Verilog against the simulator

Written by `tools/pages/rtl.py` at commit {commit}; do not edit. For each run the
whole event trace (issue, stall, retirement and fault of every instruction with its cycle and the
CRC of what it wrote and where), every byte of DRAM, and status, fault, halt code, cycles and
counters of the control registers are compared: [architecture.md](architecture.md), sections 4 to 7.

The Verilog's hash is `{today}`: {current} of {rows} rows were measured on it. The others were
measured on earlier Verilog (by hash: {earlier}), against the simulator
and the random programs of that day; the script's next run measures them again.
"{float}" has the float32 requantizer (`array.fp32_requantizer = 1`); "{flat}" has 8 rows of
16 columns (`array.rows = 8`), an array that is not square.

## Whole networks

The compiled program on one random input (seed {seed}) over the whole range of its type, on the
simulated machine and on the same Verilog, compiled by Verilator. "Runs": parts between operators
that the host computes, whose bytes and cycles are compared like those of a whole network. The
second table: files of ../shared/corpus of which the machine computes anything; in one row again:
`npusim verify MODEL --machine M --simulator verilator`. The third: blocks of networks. These, and
MobileNetV3-Small, have the networks' shapes and random weights (`tests/compiler/blocks.py`).

"""
RANDOM_HEAD = """
## Random programs

Each is legal and ends with HALT, or (a quarter of them) holds one mistake and must fault in the
same cycle, with the same cause, engine and pc. The memory's model, latency, depth and seed are
drawn for each program. One row again: `npusim verify --random N --machine M --simulator S`.

"""


@cache
def verilog_hash() -> str:
    """Return a hash of the Verilog, with memory and tracers but no board: its code alone."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "rtl").rglob("*")):
        if path.suffix in (".v", ".vh") and "boards" not in path.parts:
            digest.update(" ".join(code_of(path).split()).encode())
    return digest.hexdigest()[:8]


def machine_of(label: str) -> Machine:
    """Return the machine of a row's label: a name, or a name and a change to it."""
    name, _, change = label.partition(" + ")
    machine = Machine.load(name)
    return machine.with_(CHANGES[change]) if change else machine


def measured(kept: dict[str, Row], what: str, outcome: str, measure: Callable[[], Row]) -> None:
    """Put the row named `what` into `kept` where none holds of `outcome` and of the Verilog."""
    if not holds(kept.get(what, {}), outcome):
        kept[what] = measure() | {"verilog": verilog_hash()}
        save(kept)
    print(f"{what}: {kept[what]['difference'] or 'agrees'}", flush=True)


def holds(of: Row, outcome: str) -> bool:
    """Return whether a row is of today's Verilog, which did then what is predicted now."""
    return (of.get("verilog"), of.get("outcome")) == (verilog_hash(), outcome)


def save(kept: dict[str, Row]) -> None:
    """Write docs/rtl.json."""
    MEASURED.write_text(json.dumps(kept, indent=1) + "\n")


def joined(outcomes: Iterable[str]) -> str:
    """Return one hash of the outcomes of several runs."""
    return hashlib.sha256(" ".join(outcomes).encode()).hexdigest()[:16]


def predicted(source: Source, name: str) -> tuple[MachineNetwork, str]:
    """Return a network compiled for the machine called `name`, and the outcome of its row."""
    network = load(source) if isinstance(source, Path) else source()
    compiled = MachineNetwork(network, machine_of(name))
    return compiled, joined(network_outcomes(compiled, random_inputs(compiled.given, SEED)))


def network_row(source: Source, name: str, kept: dict[str, Row]) -> None:
    """Measure a network on the machine called `name` where no row holds."""
    try:
        compiled, outcome = predicted(source, name)
    except NpuError as error:
        print(f"{stem(source)}: no row, {error}"[:160], flush=True)
        return
    if not any(step.kind == "run" for step in compiled.program.steps):
        return

    def measure() -> Row:
        runs = compare_network(
            MachineNetwork(compiled.given, compiled.program.machine),
            random_inputs(compiled.given, SEED),
        )
        return {
            "block" if source in BLOCKS.values() else "network": stem(source),
            "machine": name,
            "runs": len(runs),
            "instructions": sum(run.instructions for run in runs),
            "cycles": sum(run.cycles for run in runs),
            "rtl_cycles": sum(run.rtl_cycles for run in runs),
            "events": sum(run.events for run in runs),
            "outcome": joined(run.outcome for run in runs),
            "difference": "; ".join(run.difference for run in runs if run.difference),
        }

    measured(kept, network_name(source, name), outcome, measure)


def stem(source: Source) -> str:
    """Return the name of a network in the tables."""
    return source.stem if isinstance(source, Path) else source.__name__


def network_name(source: Source, name: str) -> str:
    """Return the name of a network's row."""
    return f"{stem(source)} on {name}"


def random_name(name: str, simulator: str, count: int) -> str:
    """Return the name of a row of random programs."""
    return f"{count} random programs on {name}, {simulator}"


def random_outcome(name: str, count: int) -> str:
    """Return one hash of what the simulator predicts of `count` random programs."""
    return joined(random_outcomes(machine_of(name), range(SEED, SEED + count)))


def random_row(name: str, simulator: str, count: int, kept: dict[str, Row]) -> None:
    """Measure `count` random programs on the machine called `name` where no row holds."""

    def measure() -> Row:
        seeds = range(SEED, SEED + count)
        runs = list(random_runs(machine_of(name), seeds, simulator=simulator))
        families = [run.family for run in runs]
        found = [run.comparison for run in runs]
        wrong = [str(run.seed) for run in runs if run.comparison.difference]
        return {
            "machine": name,
            "simulator": simulator,
            "programs": count,
            "families": {f: families.count(f) for f in ("good", *FAULTS[1:])},
            "instructions": sum(c.instructions for c in found),
            "cycles": sum(c.cycles for c in found),
            "events": sum(c.events for c in found),
            "outcome": joined(c.outcome for c in found),
            "difference": "seeds " + ", ".join(wrong) if wrong else "",
        }

    what = random_name(name, simulator, count)
    measured(kept, what, random_outcome(name, count), measure)


def ordered(kept: dict[str, Row]) -> dict[str, Row]:
    """Return the rows in the order of the page; rows that it does not ask for go."""
    names = [network_name(*one) for one in (*NETWORKS, *CORPUS, *PARTS)]
    names += [random_name(*one) for one in RANDOM]
    return {name: kept[name] for name in names if name in kept}


def network_table(rows: Iterable[Row]) -> str:
    """Return the table of whole networks."""
    lines = header(
        "network", "machine", "runs", "instructions", "cycles predicted", "measured", "events",
        "differ",
    )  # fmt: skip
    for of in rows:
        numbers = [of[k] for k in ("runs", "instructions", "cycles", "rtl_cycles", "events")]
        figures = (f"{n:,}" for n in numbers)
        lines.append(
            row(of.get("network", of.get("block")), of["machine"], *figures, of["difference"] or 0)
        )
    return "\n".join(lines) + "\n"


def random_table(rows: Iterable[Row]) -> str:
    """Return the table of random programs."""
    causes = FAULTS[1:]
    lines = header(
        "machine", "simulator", "seeds", "legal", *(f"`{cause}`" for cause in causes),
        "instructions", "cycles", "events", "differ",
    )  # fmt: skip
    for of in rows:
        numbers = [of["families"][family] for family in ("good", *causes)]
        numbers += [of[k] for k in ("instructions", "cycles", "events")]
        figures = (f"{n:,}" for n in numbers)
        seeds = f"{SEED}..{of['programs']}"
        lines.append(row(of["machine"], of["simulator"], seeds, *figures, of["difference"] or 0))
    return "\n".join(lines) + "\n"


def page(kept: Mapping[str, Row]) -> str:
    """Return docs/rtl.md."""
    networks = [
        network_table([kept[name] for one in some if (name := network_name(*one)) in kept])
        for some in (NETWORKS, CORPUS, PARTS)
    ]
    programs = [of for of in kept.values() if "programs" in of]
    by_hash = Counter(of["verilog"] for of in kept.values())
    current = by_hash.pop(verilog_hash(), 0)
    earlier = ", ".join(f"`{of}` {count}" for of, count in sorted(by_hash.items())) or "none"
    head = HEAD.format(
        commit=commit(10), seed=SEED, today=verilog_hash(), current=current, rows=len(kept),
        earlier=earlier, float=FLOAT, flat=FLAT,
    )  # fmt: skip
    return head + "\n".join(networks) + RANDOM_HEAD + random_table(programs)


def main() -> int:
    """Measure what has changed; write docs/rtl.md. Return 1 where something differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="measure everything again")
    parser.add_argument("--no-new", action="store_true", help="measure nothing")
    parser.add_argument("--only", default="", metavar="WORD", help="rows with that in their name")
    options = parser.parse_args()
    again = options.all or not MEASURED.exists()
    kept: dict[str, Row] = {} if again else json.loads(MEASURED.read_text())
    for source, name in () if options.no_new else (*NETWORKS, *CORPUS, *PARTS):
        if options.only in network_name(source, name):
            network_row(source, name, kept)
    for name, simulator, count in () if options.no_new else RANDOM:
        if options.only in random_name(name, simulator, count):
            random_row(name, simulator, count, kept)
    rows = ordered(kept)
    save(rows)
    OUTPUT.write_text(page(rows))
    return int(any(of["difference"] for of in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
