"""SCALE-Sim 3.0.0 on a network of npusim, in its own environment: cycles, seconds, memory.

SCALE-Sim (Samajdar et al., "SCALE-Sim: Systolic CNN Accelerator Simulator", 2018; scalesim 3.0.0 of
2025 on PyPI) reports cycles of a systolic array and has no data. It needs numpy below 2.4. It knows
no padding, so that it gets images of the size that the outputs need; no depthwise convolution, no
addition, no pooling: its networks here are the convolutions and fully connected layers alone.
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from npusim import operators as op
from npusim.graph.network import Network

PACKAGES = ("scalesim==3.0.0", "numpy<2.4")
DATAFLOWS = ("ws", "os", "is")

CONFIG = """[general]
run_name = peer

[architecture_presets]
ArrayHeight = {size}
ArrayWidth = {size}
IfmapSramSzkB = {act_kib}
FilterSramSzkB = {wgt_kib}
OfmapSramSzkB = {act_kib}
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
Bandwidth = {bandwidth}
ReadRequestBuffer = 512
WriteRequestBuffer = 512

[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2

[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40

[run_presets]
InterfaceBandwidth = USER
UseRamulatorTrace = False
"""

CALL = """
import sys
from scalesim.scale_sim import scalesim
folder = sys.argv[1]
s = scalesim(save_disk_space=True, verbose=False, config=folder + "/config.cfg",
             topology=folder + "/net.csv", layout=folder + "/layout.csv", input_type_gemm=False)
s.run_scale(top_path=folder)
"""


@dataclass(frozen=True)
class Gemm:
    """A linear layer as SCALE-Sim has it: `pixels` outputs, `depth` products each, `filters`."""

    name: str
    image: tuple[int, int]
    kernel: tuple[int, int]
    channels: int
    filters: int
    stride: int
    pixels: int

    @property
    def depth(self) -> int:
        """Products of one output."""
        return self.kernel[0] * self.kernel[1] * self.channels

    @property
    def macs(self) -> int:
        """Products of the layer."""
        return self.pixels * self.depth * self.filters

    def cycles(self, dataflow: str, size: int) -> int:
        """Return SCALE-Sim's compute cycles in closed form, R = C = size.

        Found equal to its reports in 289 of 289 layers; K depth, N filters, T pixels:
        ws ceil(K/R) ceil(N/C) (T + 2R + C - 2) - 1, os ceil(T/R) ceil(N/C) (K + R + C - 2) - 1,
        is ceil(K/R) ceil(T/C) (N + 2R + C - 2) - 1.
        """
        k, n, t = (-(-length // size) for length in (self.depth, self.filters, self.pixels))
        if dataflow == "ws":
            return k * n * (self.pixels + 3 * size - 2) - 1
        if dataflow == "os":
            return t * n * (self.depth + 2 * size - 2) - 1
        return k * t * (self.filters + 3 * size - 2) - 1


def linear_layers(network: Network) -> Iterable[Gemm]:
    """Yield the convolutions without groups and the fully connected layers."""
    for node in network.nodes:
        if isinstance(node.operator, op.Conv2D) and node.operator.groups == 1:
            (kh, kw), stride = node.operator.window.kernel, node.operator.window.stride[0]
            channels = network.inputs_of(node)[0].shape[3]
            _, rows, columns, filters = network.output_of(node).shape
            image = ((rows - 1) * stride + kh, (columns - 1) * stride + kw)
            yield Gemm(node.name, image, (kh, kw), channels, filters, stride, rows * columns)
        elif isinstance(node.operator, op.FullyConnected):
            rows, columns = network.inputs_of(node)[1].shape
            yield Gemm(node.name, (1, 1), (1, 1), columns, rows, 1, 1)


@dataclass(frozen=True)
class PeerRun:
    """What SCALE-Sim took and said: its two columns of cycles by layer."""

    cpu_seconds: float
    peak_mib: float
    total_cycles: dict[str, int]
    stall_cycles: dict[str, int]


def environment(folder: Path) -> Path:
    """Return the Python of an environment in `folder` with SCALE-Sim, made where there is none."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def run_peer(
    python: Path, layers: list[Gemm], folder: Path, dataflow: str, size: int, act_kib: int,
    wgt_kib: int, bandwidth: int,
) -> PeerRun:  # fmt: skip
    """Run SCALE-Sim without traces on an array of size x size; `bandwidth` in bytes a cycle."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.cfg").write_text(
        CONFIG.format(
            size=size, act_kib=act_kib, wgt_kib=wgt_kib, dataflow=dataflow, bandwidth=bandwidth
        )
    )
    topology = ["Layer,IH,IW,KH,KW,C,N,Stride,"]
    layout = ["Layer" + ",1" * 20 + ","]
    for layer in layers:
        sizes = (*layer.image, *layer.kernel, layer.channels, layer.filters, layer.stride)
        topology.append(",".join([layer.name, *map(str, sizes)]) + ",")
        layout.append(layer.name + ",1" * 20 + ",")
    (folder / "net.csv").write_text("\n".join(topology) + "\n")
    (folder / "layout.csv").write_text("\n".join(layout) + "\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [python, "-c", CALL, str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"SCALE-Sim failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (report,) = folder.rglob("COMPUTE_REPORT.csv")
    with report.open() as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    header, rows = rows[0], [row for row in rows[1:] if row]
    total, stall = header.index("Total Cycles"), header.index("Stall Cycles")
    named = list(zip(layers, rows, strict=True))
    return PeerRun(
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        after.ru_maxrss / 1024,
        {layer.name: int(float(row[total])) for layer, row in named},
        {layer.name: int(float(row[stall])) for layer, row in named},
    )
