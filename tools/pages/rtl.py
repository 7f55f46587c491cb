"""Run whole networks and random programs on the simulated machine and on the RTL: docs/rtl.md.

    python -m tools.pages.rtl            what has changed since the last time
    python -m tools.pages.rtl --all      everything

    python -m tools.pages.rtl --no-new   the page from the rows that still hold

Reads ../shared/models. A row is kept in docs/rtl.json with the hash of its program and of the
Verilog, and is measured again where one of them is another; Verilator builds and runs take minutes
a network. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
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
        (MODELS / "onnx" / f"{name}.onnx", "base")
        for name in (
            "kws_dscnn_int8_QDQ", "kws_dscnn_int8_QOperator", "ic_resnet8_int8_QDQ",
            "ic_resnet8_int8_QOperator", "vww_mbv1_int8_QDQ", "vww_mbv1_int8_QOperator",
            "shufflenet-v2-12-int8",
        )
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
          ("base", "verilator", 200), ("wide", "verilator", 100))  # fmt: skip
"""Machine, simulator, programs; every program with a memory of its own."""

HEAD = """\
# The machine in Verilog against the simulator

Written by `tools/pages/rtl.py` at commit {commit}; do not edit. For each run the
whole event trace (issue, stall, retirement and fault of every instruction with its cycle and the
CRC of what it wrote), every byte of DRAM, and status, fault, halt code, cycles and counters of the
control registers are compared: [architecture.md](architecture.md), sections 4 to 7.

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


def rtl_key(machine: Machine, simulator: str) -> str:
    """Return a hash of the Verilog and of the machine's parameters."""
    return design(machine, simulator, 1 << 18).key(simulator)


def measured(kept: dict[str, Row], key: str, measure: Callable[[], Row]) -> dict[str, Row]:
    """Return key and row, measured (and saved at once) where it is not in `kept`."""
    if key not in kept:
        kept[key] = measure()
        save(kept)
    found = kept[key]
    print(f"{found['what']}: {found['difference'] or 'agrees'}", flush=True)
    return {key: found}


def save(kept: dict[str, Row]) -> None:
    """Write docs/rtl.json."""
    MEASURED.write_text(json.dumps(kept, indent=1) + "\n")


def network_row(path: Path, name: str, kept: dict[str, Row], new: bool) -> dict[str, Row]:
    """Return key and row of a network on the machine called `name`."""
    machine = Machine.load(name)
    compiled = MachineNetwork(load(path), machine)
    program = compiled.program.to_bytes() + rtl_key(machine, "verilator").encode()
    key = hashlib.sha256(program + str(SEED).encode()).hexdigest()[:16]

    def measure() -> Row:
        runs = compare_network(compiled, random_inputs(compiled.network, SEED))
        return {
            "what": f"{path.stem} on {name}",
            "network": path.stem,
            "machine": name,
            "runs": len(runs),
            "instructions": sum(run.instructions for run in runs),
            "cycles": sum(run.cycles for run in runs),
            "rtl_cycles": sum(run.rtl_cycles for run in runs),
            "events": sum(run.events for run in runs),
            "difference": "; ".join(run.difference for run in runs if run.difference),
        }

    return measured(kept, key, measure) if new or key in kept else {}


def random_row(
    name: str, simulator: str, count: int, kept: dict[str, Row], new: bool
) -> dict[str, Row]:
    """Return key and row of `count` random programs on the machine called `name`."""
    machine = Machine.load(name)
    sources = [ROOT / "npusim/cosim/npu/random_runs.py"]
    sources += sorted((ROOT / "npusim/cosim/programs").glob("*.py"))
    generator = b"".join(path.read_bytes() for path in sources)
    what = f"{rtl_key(machine, simulator)} {machine} {count} {SEED}".encode()
    key = hashlib.sha256(what + generator).hexdigest()[:16]

    def measure() -> Row:
        runs = list(random_runs(machine, range(SEED, SEED + count), simulator=simulator))
        families = [run.family for run in runs]
        found = [run.comparison for run in runs]
        wrong = [str(run.seed) for run in runs if run.comparison.difference]
        return {
            "what": f"{count} random programs on {name}, {simulator}",
            "machine": name,
            "simulator": simulator,
            "programs": count,
            "families": {f: families.count(f) for f in ("good", *FAULTS[1:])},
            "instructions": sum(c.instructions for c in found),
            "cycles": sum(c.cycles for c in found),
            "events": sum(c.events for c in found),
            "difference": "seeds " + ", ".join(wrong) if wrong else "",
        }

    return measured(kept, key, measure) if new or key in kept else {}


def page(networks: list[Row], programs: list[Row]) -> str:
    """Return docs/rtl.md."""
    causes = FAULTS[1:]
    lines = header(
        "network", "machine", "runs", "instructions", "cycles predicted", "measured", "events",
        "differ",
    )  # fmt: skip
    for of in networks:
        numbers = [of[k] for k in ("runs", "instructions", "cycles", "rtl_cycles", "events")]
        figures = (f"{n:,}" for n in numbers)
        lines.append(row(of["network"], of["machine"], *figures, of["difference"] or 0))
    text = HEAD.format(commit=commit(10), seed=SEED) + "\n".join(lines) + "\n"
    if not programs:
        return text
    lines = header(
        "machine", "simulator", "seeds", "legal", *(f"`{cause}`" for cause in causes),
        "instructions", "cycles", "events", "differ",
    )  # fmt: skip
    for of in programs:
        numbers = [of["families"][family] for family in ("good", *causes)]
        numbers += [of[k] for k in ("instructions", "cycles", "events")]
        figures = (f"{n:,}" for n in numbers)
        seeds = f"{SEED}..{of['programs']}"
        lines.append(row(of["machine"], of["simulator"], seeds, *figures, of["difference"] or 0))
    return text + RANDOM_HEAD + "\n".join(lines) + "\n"


def main() -> int:
    """Measure what has changed; write docs/rtl.md. Return 1 where something differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="measure everything again")
    parser.add_argument("--no-new", action="store_true", help="measure nothing")
    options = parser.parse_args()
    again = options.all or not MEASURED.exists()
    kept: dict[str, Row] = {} if again else json.loads(MEASURED.read_text())
    rows: dict[str, Row] = {}
    for path, name in NETWORKS:
        rows |= network_row(path, name, kept, not options.no_new)
    for name, simulator, count in RANDOM:
        rows |= random_row(name, simulator, count, kept, not options.no_new)
    save(rows)
    found = list(rows.values())
    networks, programs = ([r for r in found if key in r] for key in ("network", "programs"))
    OUTPUT.write_text(page(networks, programs))
    return int(any(r["difference"] for r in found))


if __name__ == "__main__":
    sys.exit(main())
