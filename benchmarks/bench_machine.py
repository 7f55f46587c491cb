"""Speed of the simulated machine: estimates, whole runs, cycles a second beside the RTL.

    python -m benchmarks.bench_machine [--rounds 15] [--no-rtl]

Writes benchmarks/MACHINE.md. Times are processor time, medians of interleaved rounds; reads
../shared/models. Peak memory is that of a whole fresh process, from start to end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

import npusim
from benchmarks.bench_networks import random_input
from benchmarks.stopwatch import as_installed, children_seconds, seconds
from npusim.cosim.npu.measure import measure_step
from npusim.engines.estimate import estimate
from npusim.engines.machine_network import MachineNetwork, write_tensor
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.runtimes.rule import resolve_rule
from npusim.simulator.execute.prepared_run import PreparedRun
from npusim.simulator.run import run_step, step_code
from npusim.simulator.timing.timeline import time_code
from tools.checkout import DIGITS, MODELS, ROOT, commit
from tools.markdown import header, row
from tools.resnet import resnet_onnx

TFLITE = MODELS / "tflite"
MOBILENET = "tflm_mobilenet_v2_int8.tflite"
NETWORKS = (
    "kws_dscnn_int8.tflite", "ic_resnet8_int8.tflite", "vww_mbv1_int8.tflite", "ad_ae_int8.tflite",
    MOBILENET,
)  # fmt: skip
RTL = {
    "digits_int8.onnx": ("verilator", "icarus"),
    "kws_dscnn_int8.tflite": ("verilator", "icarus"),
    "ic_resnet8_int8.tflite": ("verilator",),
    "vww_mbv1_int8.tflite": ("verilator",),
    "ad_ae_int8.tflite": ("verilator",),
    MOBILENET: ("verilator",),
}
"""The Verilog simulators of each network; Icarus takes a second for a thousand cycles."""
MACHINE = "base"


def path_of(name: str) -> Path:
    return DIGITS / name if name.endswith(".onnx") else TFLITE / name


def fresh_process(path: Path) -> tuple[float, float]:
    """Return processor seconds and peak MiB of `npusim estimate`, kernels compiled before."""
    command = [sys.executable, "-m", "npusim", "estimate", str(path), "--machine", MACHINE]
    script = (
        "import resource, subprocess, sys;"
        f"subprocess.run({command!r}, check=True, stdout=subprocess.DEVNULL);"
        "r = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(r.ru_utime + r.ru_stime, r.ru_maxrss / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=as_installed(),
    )
    cpu, mib = map(float, done.stdout.split())
    return cpu, mib


def estimates(rounds: int) -> list[str]:
    lines = [
        "## Estimates",
        "",
        "`npusim estimate FILE --machine base`, whole process (interpreter, imports, reading, "
        "compiling, timing, printing), and `estimate(network, machine)` in a process that did it "
        "before, tilings of layers searched anew. The least of several processes.",
        "",
        *header("network", "cycles", "instructions", "process s", "peak MiB", "in process s"),
    ]
    from npusim.compiler.linear import tiling

    with tempfile.TemporaryDirectory() as folder:
        shapes = Path(folder) / "resnet50.onnx"
        shapes.write_bytes(resnet_onnx(50).SerializeToString())
        for title, path in (("MobileNetV2-1.0-224", TFLITE / MOBILENET), ("ResNet-50", shapes)):
            fresh_process(path)
            runs = [fresh_process(path) for _ in range(max(rounds // 3, 2))]
            network, machine = npusim.load(path), Machine.load(MACHINE)
            warm = []
            for _ in range(4):
                tiling.best_tiling.cache_clear()
                tiling._weighed.cache_clear()
                start = time.process_time()
                found = estimate(network, machine)
                warm.append(time.process_time() - start)
            lines.append(row(
                title, f"{found.cycles:,}", f"{len(found.program.instructions):,}",
                f"{min(cpu for cpu, _ in runs):.2f}", f"{max(mib for _, mib in runs):.0f}",
                f"{median(warm[1:]):.2f}",
            ))  # fmt: skip
    return lines


def whole_runs(rounds: int) -> list[str]:
    lines = [
        "## Whole runs: engine machine beside engine kernels",
        "",
        "One sample, from Python, both engines prepared, under the same rounding rule; one thread. "
        "`first` is what the machine's first sample costs besides: timing and preparing the run, "
        "compiled kernels loaded.",
        "",
        *header("network", "kernels ms", "machine ms", "ratio", "first ms"),
    ]
    for name in (*NETWORKS, "digits_int8.onnx"):
        network = npusim.load(path_of(name))
        x = random_input(network, 1)
        kernels = prepare(network, resolve_rule(network))
        machine = MachineNetwork(network, Machine.load(MACHINE))
        machine.run(x)
        again = MachineNetwork(network, Machine.load(MACHINE))
        start = time.thread_time()
        again.run(x)
        first = time.thread_time() - start
        found = seconds(
            {
                "kernels": lambda k=kernels, x=x: k.run(x),
                "machine": lambda m=machine, x=x: m.run(x),
            },
            rounds,
        )
        lines.append(row(
            path_of(name).stem, f"{1e3 * found['kernels']:.3f}", f"{1e3 * found['machine']:.3f}",
            f"{found['machine'] / found['kernels']:.2f}", f"{1e3 * first:.0f}",
        ))  # fmt: skip
    return lines


def commands(rounds: int) -> list[str]:
    """Return the table of `npusim run` as a user runs it: interpreter, imports, compiling, all."""
    lines = [
        "## Commands",
        "",
        "`npusim run FILE [--input X]`, whole process, kernels compiled before; medians.",
        "",
        *header("network", "samples", "kernels s", "machine s", "ratio"),
    ]
    labelled = {"digits_int8.onnx": DIGITS / "digits_test.npz",
                "kws_dscnn_int8.tflite": MODELS / "samples" / "kws01.npz"}  # fmt: skip
    cases = [(name, None) for name in ("digits_int8.onnx", *NETWORKS)] + [*labelled.items()]
    for name, samples in cases:
        found: dict[str, list[float]] = {"kernels": [], "machine": []}
        chosen = {"kernels": [], "machine": ["--machine", MACHINE]}
        for _ in range(rounds):
            for engine, times in found.items():
                command = [sys.executable, "-m", "npusim", "run", str(path_of(name)),
                           "--engine", engine, *chosen[engine]]  # fmt: skip
                before = children_seconds()
                subprocess.run(
                    [*command, *(["--input", str(samples)] if samples else [])],
                    check=True, capture_output=True, env=as_installed(),
                )  # fmt: skip
                times.append(children_seconds() - before)
        kernels, machine = median(found["kernels"]), median(found["machine"])
        count = len(np.load(samples)["x"]) if samples else 1
        figures = (f"{value:.2f}" for value in (kernels, machine, machine / kernels))
        lines.append(row(path_of(name).stem, count, *figures))
    return lines


def cycles_a_second(network: Network, simulators: Sequence[str]) -> str:
    """Return a row: the longest run of `network` on the machine, and on the RTL in `simulators`."""
    compiled = MachineNetwork(network, Machine.load(MACHINE))
    program, dram = compiled.program, compiled.dram
    rng = np.random.default_rng(1)
    for name in program.inputs:
        tensor = compiled.network.tensors[name]
        limits = np.iinfo(tensor.dtype)
        shape = (1, *tensor.shape[1:])
        write_tensor(program, dram, name, rng.integers(limits.min, limits.max, shape, tensor.dtype))
    step = max(program.runs(), key=lambda s: s.count)
    bases, code, machine = program.region_addresses(), step_code(program, step), program.machine
    timeline = time_code(code, machine, bases)
    constants = (bases[0], bases[0] + program.regions[0].size_bytes)
    repeated = PreparedRun(timeline, bases, dram, constants)
    found = seconds(
        {
            "timing": lambda: time_code(code, machine, bases),
            "events": lambda: run_step(program, step, dram),
            "repeated": repeated.run,
        },
        7,
    )
    rates = [timeline.cycles / found[key] for key in ("timing", "events", "repeated")]
    for simulator in simulators:
        measure_step(program, step, dram.copy(), simulator=simulator)  # builds it
        start = children_seconds()
        measured = measure_step(program, step, dram.copy(), simulator=simulator)
        rates.append(timeline.cycles / (children_seconds() - start))
        assert measured.cycles == timeline.cycles
    numbers = (f"{number:,.0f}" for number in (step.count, timeline.cycles, *rates))
    return row(network.name, *numbers, *["n/a"] * (5 - len(rates)))


def rates(rtl: bool) -> list[str]:
    lines = [
        "## Simulated cycles a second",
        "",
        "The same programs on `base`. *timing*: every cycle, no data. *events*: timing, data of "
        "every instruction and the crc32 of what it wrote, as the RTL's trace has it. *repeated*: "
        "data alone, on a run that is timed and prepared. RTL: the processor time of the "
        "simulation's process, start to end, its cycles equal to the predicted ones.",
        "",
        *header(
            "network",
            "instructions",
            "cycles",
            "timing",
            "events",
            "repeated",
            "compiled RTL",
            "Icarus",
        ),
    ]
    for name, simulators in RTL.items():
        network = npusim.load(path_of(name))
        lines.append(cycles_a_second(network, simulators if rtl else ()))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-rtl", action="store_true")
    arguments = parser.parse_args()
    lines = [
        "# The machine's speed",
        "",
        f"Written by `python -m benchmarks.bench_machine` at commit {commit()}; "
        f"{os.cpu_count()} processors. Read ratios: absolute figures vary with the computer.",
        "",
        *estimates(arguments.rounds),
        "",
        *whole_runs(arguments.rounds),
        "",
        *commands(max(3, arguments.rounds // 3)),
        "",
        *rates(not arguments.no_rtl),
    ]
    (ROOT / "benchmarks" / "MACHINE.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
