"""Run whole networks and random programs on the simulated machine and on the RTL: docs/rtl.md.

    python -m tools.pages.rtl             what has changed since the last time
    python -m tools.pages.rtl --only kws  the same of rows with that in their name
    python -m tools.pages.rtl --all       everything
    python -m tools.pages.rtl --no-new    the page from the rows as they are (seconds)

Reads ../shared/models. A row is kept in docs/rtl.json with the hash of its program, of the Verilog
and of the simulator's sources, and is measured again where one of them is another; Verilator
builds and runs take minutes a network. Until then the page shows the row with the hash of the
sources that it was measured with. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from npusim.cosim.npu.build import design
from npusim.cosim.npu.random_runs import random_runs
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network, random_inputs
from npusim.formats.files import load
from npusim.isa.spec import FAULTS
from npusim.machines import Machine
from tools.checkout import DIGITS, MODELS, ROOT, commit
from tools.markdown import header, row

OUTPUT, MEASURED = ROOT / "docs" / "rtl.md", ROOT / "docs" / "rtl.json"
OWN = DIGITS / "digits_int8.onnx"
SEED = 1
FLOAT = "base + float32"
"""The machine `base` with the float32 requantizer beside the integer one."""
DECIDING = ("npusim/simulator", "npusim/isa", "npusim/datapath", "npusim/cosim/npu", "rtl")
"""Folders whose sources decide what a row compares."""
Row = dict[str, Any]

NETWORKS = (
    (OWN, "base"),
    *(
        (MODELS / "tflite" / f"{name}.tflite", "base")
        for name in (
            "kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "ad_ae_int8",
            "tflm_hello_world_int8", "tflm_micro_speech_int8", "tflm_person_detect_int8_qdimfix",
            "coral_mobilenet_v1_025_128_uint8", "vww_14blk_int8", "ic_resnet_large_int8",
            "ic_resnet_6blk_int8", "coral_tf2_mobilenet_v2_ptq", "tflm_mobilenet_v2_int8",
        )
    ),
    *(
        (MODELS / "onnx" / f"{name}.onnx", machine)
        for name in (
            "kws_dscnn_int8_QDQ", "kws_dscnn_int8_QOperator", "ic_resnet8_int8_QDQ",
            "ic_resnet8_int8_QOperator", "vww_mbv1_int8_QDQ", "vww_mbv1_int8_QOperator",
            "shufflenet-v2-12-int8",
        )
        for machine in ("base", FLOAT)
    ),
    *((OWN, name) for name in ("nano", "small", "wide")),
    *(
        (MODELS / "tflite" / f"{name}.tflite", "wide")
        for name in (
            "kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "ad_ae_int8",
            "coral_mobilenet_v1_025_128_uint8", "tflm_mobilenet_v2_int8",
        )
    ),
    (MODELS / "onnx" / "shufflenet-v2-12-int8.onnx", "wide"),
)  # fmt: skip
"""Networks and the machines that they run on, on Verilator, with the machine's own memory."""
RANDOM = (("nano", "icarus", 200), ("nano", "verilator", 2000), ("small", "verilator", 200),
          ("base", "verilator", 200), ("wide", "verilator", 100),
          (FLOAT, "verilator", 200))  # fmt: skip
"""Machine, simulator, programs; every program with a memory of its own."""

HEAD = """\
# The machine in Verilog against the simulator

Written by `tools/pages/rtl.py` at commit {commit}; do not edit. For each run the
whole event trace (issue, stall, retirement and fault of every instruction with its cycle and the
CRC of what it wrote and where), every byte of DRAM, and status, fault, halt code, cycles and
counters of the control registers are compared: [architecture.md](architecture.md), sections 4 to 7.

"Sources" is a hash of what the simulator, the instruction set, the datapath and the Verilog say
(comments and docstrings aside). It was `{sources}` when this page was written; a row with another
was measured before they changed, and is measured again by the script's next run.
"{float}" has the float32 requantizer (`array.fp32_requantizer = 1`).

## Whole networks

The compiled program on one random input (seed {seed}) over the whole range of its type, on the
simulated machine and on the same Verilog, compiled by Verilator. "Runs": parts between operators
that the host computes. One row again: `npusim verify MODEL --machine M --simulator verilator`.

"""
RANDOM_HEAD = """
## Random programs

Each is legal and ends with HALT, or (a quarter of them) holds one mistake and must fault in the
same cycle, with the same cause, engine and pc. The memory's model, latency, depth and seed are
drawn for each program. One row again: `npusim verify --random N --machine M --simulator S`.

"""


def sources() -> str:
    """Return a hash of the sources that decide what a row compares."""
    digest = hashlib.sha256()
    for folder in DECIDING:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".v", ".vh"):
                text = path.read_text()
                digest.update(path.name.encode())
                digest.update((meaning(text) if path.suffix == ".py" else text).encode())
    return digest.hexdigest()[:8]


@cache
def meaning(text: str) -> str:
    """Return a Python source's syntax tree without docstrings, as text."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            kept = [s for s in node.body if not _is_text(s)]
            node.body = kept or [ast.Pass()]
    return ast.dump(tree)


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def machine_of(label: str) -> Machine:
    """Return the machine of a row's label: a name, or a name and its float32 requantizer."""
    name, _, float32 = label.partition(" + ")
    machine = Machine.load(name)
    return machine.with_({"array.fp32_requantizer": 1}) if float32 else machine


def rtl_key(machine: Machine, simulator: str) -> str:
    """Return a hash of the Verilog and of the machine's parameters."""
    return design(machine, simulator, 1 << 18).key(simulator)


def measured(kept: dict[str, Row], key: str, measure: Callable[[], Row]) -> None:
    """Put a row into `kept` in place of the one of the same name, where it is not there."""
    if key not in kept:
        row = measure() | {"sources": sources()}
        for old in [k for k, other in kept.items() if other["what"] == row["what"]]:
            del kept[old]
        kept[key] = row
        save(kept)
    print(f"{kept[key]['what']}: {kept[key]['difference'] or 'agrees'}", flush=True)


def save(kept: dict[str, Row]) -> None:
    """Write docs/rtl.json."""
    MEASURED.write_text(json.dumps(kept, indent=1) + "\n")


def network_key(compiled: MachineNetwork) -> str:
    """Return the key of a network's row: everything that decides what it measures."""
    verilog = rtl_key(compiled.program.machine, "verilator")
    decided = compiled.program.to_bytes() + f"{verilog} {sources()} {SEED}".encode()
    return hashlib.sha256(decided).hexdigest()[:16]


def network_row(path: Path, name: str, kept: dict[str, Row]) -> None:
    """Measure a network on the machine called `name` where no row holds."""
    compiled = MachineNetwork(load(path), machine_of(name))

    def measure() -> Row:
        runs = compare_network(compiled, random_inputs(compiled.network, SEED))
        return {
            "what": network_name(path, name),
            "network": path.stem,
            "machine": name,
            "runs": len(runs),
            "instructions": sum(run.instructions for run in runs),
            "cycles": sum(run.cycles for run in runs),
            "rtl_cycles": sum(run.rtl_cycles for run in runs),
            "events": sum(run.events for run in runs),
            "difference": "; ".join(run.difference for run in runs if run.difference),
        }

    measured(kept, network_key(compiled), measure)


def network_name(path: Path, name: str) -> str:
    """Return the name of a network's row."""
    return f"{path.stem} on {name}"


def random_name(name: str, simulator: str, count: int) -> str:
    """Return the name of a row of random programs."""
    return f"{count} random programs on {name}, {simulator}"


def random_row(name: str, simulator: str, count: int, kept: dict[str, Row]) -> None:
    """Measure `count` random programs on the machine called `name` where no row holds."""
    machine = machine_of(name)
    folder = ROOT / "npusim" / "cosim" / "programs"
    generator = "".join(meaning(path.read_text()) for path in sorted(folder.glob("*.py")))
    what = f"{rtl_key(machine, simulator)} {machine} {count} {SEED} {sources()} {generator}"
    key = hashlib.sha256(what.encode()).hexdigest()[:16]

    def measure() -> Row:
        runs = list(random_runs(machine, range(SEED, SEED + count), simulator=simulator))
        families = [run.family for run in runs]
        found = [run.comparison for run in runs]
        wrong = [str(run.seed) for run in runs if run.comparison.difference]
        return {
            "what": random_name(name, simulator, count),
            "machine": name,
            "simulator": simulator,
            "programs": count,
            "families": {f: families.count(f) for f in ("good", *FAULTS[1:])},
            "instructions": sum(c.instructions for c in found),
            "cycles": sum(c.cycles for c in found),
            "events": sum(c.events for c in found),
            "difference": "seeds " + ", ".join(wrong) if wrong else "",
        }

    measured(kept, key, measure)


def ordered(kept: dict[str, Row]) -> dict[str, Row]:
    """Return the rows in the order of NETWORKS and RANDOM; rows of neither go."""
    names = [network_name(*one) for one in NETWORKS] + [random_name(*one) for one in RANDOM]
    place = {name: i for i, name in enumerate(names)}
    known = [(key, row) for key, row in kept.items() if row["what"] in place]
    return dict(sorted(known, key=lambda item: place[item[1]["what"]]))


def page(networks: list[Row], programs: list[Row], at: str) -> str:
    """Return docs/rtl.md; `at`: the hash of the sources."""
    causes = FAULTS[1:]
    lines = header(
        "network", "machine", "runs", "instructions", "cycles predicted", "measured", "events",
        "differ", "sources",
    )  # fmt: skip
    for of in networks:
        numbers = [of[k] for k in ("runs", "instructions", "cycles", "rtl_cycles", "events")]
        figures = (f"{n:,}" for n in numbers)
        ends = of["difference"] or 0, f"`{of['sources']}`"
        lines.append(row(of["network"], of["machine"], *figures, *ends))
    text = (
        HEAD.format(commit=commit(10), seed=SEED, sources=at, float=FLOAT) + "\n".join(lines) + "\n"
    )
    if not programs:
        return text
    lines = header(
        "machine", "simulator", "seeds", "legal", *(f"`{cause}`" for cause in causes),
        "instructions", "cycles", "events", "differ", "sources",
    )  # fmt: skip
    for of in programs:
        numbers = [of["families"][family] for family in ("good", *causes)]
        numbers += [of[k] for k in ("instructions", "cycles", "events")]
        figures = (f"{n:,}" for n in numbers)
        seeds = f"{SEED}..{of['programs']}"
        ends = of["difference"] or 0, f"`{of['sources']}`"
        lines.append(row(of["machine"], of["simulator"], seeds, *figures, *ends))
    return text + RANDOM_HEAD + "\n".join(lines) + "\n"


def main() -> int:
    """Measure what has changed; write docs/rtl.md. Return 1 where something differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="measure everything again")
    parser.add_argument("--no-new", action="store_true", help="measure nothing")
    parser.add_argument("--only", default="", metavar="WORD", help="rows with that in their name")
    options = parser.parse_args()
    again = options.all or not MEASURED.exists()
    kept: dict[str, Row] = {} if again else json.loads(MEASURED.read_text())
    for path, name in () if options.no_new else NETWORKS:
        if options.only in network_name(path, name):
            network_row(path, name, kept)
    for name, simulator, count in () if options.no_new else RANDOM:
        if options.only in random_name(name, simulator, count):
            random_row(name, simulator, count, kept)
    rows = ordered(kept)
    save(rows)
    found = list(rows.values())
    networks, programs = ([r for r in found if key in r] for key in ("network", "programs"))
    OUTPUT.write_text(page(networks, programs, sources()))
    return int(any(r["difference"] for r in found))


if __name__ == "__main__":
    sys.exit(main())
