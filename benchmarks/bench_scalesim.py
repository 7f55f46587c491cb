"""Cycles and seconds beside SCALE-Sim's, on networks of convolutions with the same array.

    python -m benchmarks.bench_scalesim [--peer FOLDER]

With --peer, SCALE-Sim is installed in an environment in FOLDER and run (ResNet-18: ten minutes and
11 GB); its figures are kept in benchmarks/scalesim.json. Without, those are read. Ours are
measured each time. Writes benchmarks/SCALESIM.md. Reads ../shared/models for ic_resnet8.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

import npusim
from benchmarks.bench_networks import random_input
from benchmarks.scalesim import PACKAGES, Gemm, PeerRun, environment, linear_layers, run_peer
from npusim.engines.estimate import estimate
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.program_cost import ProgramCost
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.quant.quantize import quantize
from tools.checkout import MODELS, ROOT, commit
from tools.markdown import header, row
from tools.resnet import resnet

FIGURES = ROOT / "benchmarks" / "scalesim.json"
PAGE = ROOT / "benchmarks" / "SCALESIM.md"
DATAFLOW = "ws"
MACHINE = "wide"


def networks() -> dict[str, Network]:
    """Return integer networks; ResNet-18 of random weights, quantized on random images."""
    images = np.random.default_rng(1).normal(size=(2, 3, 224, 224)).astype(np.float32)
    return {
        "ic_resnet8": npusim.load(MODELS / "tflite" / "ic_resnet8_int8.tflite"),
        "ResNet-18": quantize(resnet(18, seed=1), images, encoder="nearest"),
    }


def shapes(name: str, network: Network) -> list[Gemm]:
    return list(linear_layers(resnet(18) if name == "ResNet-18" else network))


def peer_runs(folder: Path, found: dict[str, Network]) -> dict[str, PeerRun]:
    python, machine = environment(folder / "environment"), Machine.load(MACHINE)
    act_kib = machine.act_words * machine.size // 1024
    wgt_kib = machine.wgt_words * machine.size // 1024
    runs = {
        name: run_peer(
            python, shapes(name, network), folder / name, DATAFLOW, machine.size, act_kib, wgt_kib,
            machine.bus.bus_bytes,
        )
        for name, network in found.items()
    }  # fmt: skip
    FIGURES.write_text(json.dumps({k: asdict(v) for k, v in runs.items()}, indent=1) + "\n")
    return runs


def ours(network: Network) -> tuple[float, float, float]:
    """Return processor seconds to compile, of the first sample (timed, prepared), of a further one.

    Raises
    ------
    AssertionError
        The machine's outputs are not the kernels engine's.
    """
    start = time.process_time()
    machine = MachineNetwork(network, Machine.load(MACHINE))
    compiled = time.process_time()
    x = random_input(network, 1)
    outputs, _ = machine.run(x)
    first = time.process_time()
    machine.run(x)
    again = time.process_time()
    machine.run(x)
    end = time.process_time()
    expected = prepare(network, machine.program.requant).run(x)
    assert all(np.array_equal(outputs[name], expected[name]) for name in network.outputs)
    return compiled - start, first - compiled, min(end - again, again - first)


def layer_table(layers: list[Gemm], found: ProgramCost, peer: PeerRun | None) -> list[str]:
    size = found.program.machine.size
    by_name = {row.name: row for row in found.layers}
    lines = header(
        "layer", "MACs", "ideal", "npusim", "SCALE-Sim", "ws, closed form", "os", "is",
        "npusim / ws",
    )  # fmt: skip
    total = [0] * 6
    for layer, own in zip(layers, (r for r in by_name.values() if r.macs), strict=True):
        forms = [layer.cycles(flow, size) for flow in ("ws", "os", "is")]
        numbers = [layer.macs, layer.macs // size**2, own.cycles, *forms]
        total = [a + b for a, b in zip(total, numbers, strict=True)]
        lines.append(layer_row(layer.name, numbers, peer and peer.total_cycles[layer.name]))
    lines.append(layer_row("**these**", total, peer and sum(peer.total_cycles.values())))
    other = [r for r in found.layers if not r.macs]
    kinds, cycles = ", ".join(sorted({r.operator for r in other})), sum(r.cycles for r in other)
    lines.append(row(f"others ({kinds})", "", "", f"{cycles:,}", "not modelled", *[""] * 4))
    lines.append(row("**network**", "", "", f"{found.cycles:,}", *[""] * 5))
    return lines


def layer_row(name: str, numbers: list[int], peer_cycles: int | None) -> str:
    """Return a line: MACs, ideal and our cycles, the peer's, the closed forms, our ratio to ws."""
    cells = [f"{number:,}" for number in numbers]
    said = "" if peer_cycles is None else f"{peer_cycles:,}"
    return row(name, *cells[:3], said, *cells[3:], f"{numbers[2] / numbers[3]:.2f}")


REASONS = f"""## Why they differ

* **What is counted.** SCALE-Sim's cycles are those of a weight-stationary systolic array that is
  fed without a gap: `ceil(K/R) ceil(N/C) (T + 2R + C - 2) - 1` for T outputs of K products each and
  N filters, in all layers here. Ours are those of whole layers, from the first load to the last
  store: bursts and their latency, weights that do not fit, requantizing, tokens, instructions. The
  RTL takes the same.
* **Fill and drain.** A weight tile costs SCALE-Sim 2R + C - 2 cycles ({3 * 32 - 2} on 32x32) beside
  its T outputs, again for each of the ceil(K/R) ceil(N/C) tiles. Our array broadcasts a pixel to
  its columns and holds a second set of weights: a tile costs max(T, load) cycles, and only the
  first one's load is seen. That is where layers of few outputs are faster here.
* **DRAM.** Late layers and fully connected ones load each weight for few products: their cycles are
  the bytes of their weights over {Machine.load(MACHINE).bus.bus_bytes} bytes a cycle. The closed
  form knows no DRAM, and the stalls that SCALE-Sim reports for this bandwidth are in the JSON file.
* **Rows.** SCALE-Sim folds K = KH KW IC densely into rows; our rows are the channels of one tap.
* **Not there.** Padding (it gets images that are larger by it), additions, pools and depthwise
  convolutions have no model in SCALE-Sim; it has no data and computes nothing.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peer", type=Path)
    arguments = parser.parse_args()
    found = networks()
    if arguments.peer is not None:
        runs = peer_runs(arguments.peer, found)
    else:
        runs = {k: PeerRun(**v) for k, v in json.loads(FIGURES.read_text()).items()}
    lines = [
        "# Beside SCALE-Sim",
        "",
        f"Written by `python -m benchmarks.bench_scalesim` at commit {commit()}. Peer: "
        f"{', '.join(PACKAGES)}, from PyPI in its own environment, dataflow {DATAFLOW}, 32x32, "
        f"scratchpads and bandwidth of `{MACHINE}`, traces off. Processor seconds.",
        "",
        *header(
            "network",
            "SCALE-Sim s",
            "its peak MiB",
            "npusim: compile s",
            "first sample s",
            "further s",
            "times faster: first",
            "further",
        ),
    ]
    for name, network in found.items():
        compiling, first, further = min(ours(network) for _ in range(2))
        spent = runs[name].cpu_seconds
        lines.append(row(
            name, f"{spent:.1f}", f"{runs[name].peak_mib:.0f}", f"{compiling:.2f}", f"{first:.2f}",
            f"{further:.4f}", f"{spent / (compiling + first):,.0f}", f"{spent / further:,.0f}",
        ))  # fmt: skip
    lines += [
        "",
        "npusim's seconds execute the data: outputs are compared with the kernels engine, byte for "
        "byte. *First* holds timing every instruction and preparing the run; kernels are compiled "
        "and loaded.",
    ]
    for name, network in found.items():
        for machine in ("base", MACHINE):
            of = Machine.load(machine)
            title = f"## {name} on `{machine}` ({of.size}x{of.size}), cycles"
            peer = runs[name] if machine == MACHINE else None
            table = layer_table(shapes(name, network), estimate(network, of), peer)
            lines += ["", title, "", *table]
    lines += ["", *REASONS.splitlines()]
    PAGE.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
