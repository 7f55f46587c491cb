"""How time and memory grow with what is computed: linear in the work, flat in depth and batch.

    python -m benchmarks.bench_growth [--quick] [--no-write]

Chains of 3x3 convolutions of int8, made here. One size doubles at a time; the exponent is the slope
of log time over log size, 1 where time grows as the work does. Times are processor time of one
thread, the least of several; memory is the most that Python and numpy hold beyond what they held
before. Writes benchmarks/GROWTH.md.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np

from npusim.engines.estimate import estimate
from npusim.graph.attributes import Window
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.operators.conv2d import Conv2D
from npusim.operators.count import layer_macs
from npusim.prepared.engine import prepare
from npusim.simulator.run import time_program
from tools.checkout import ROOT, commit
from tools.markdown import header, row

REPEATS = 5
MACHINE = "base"
KERNEL = 3


@dataclass(frozen=True)
class Chain:
    """Convolutions one after the other on square images, and the samples of a run."""

    depth: int = 16
    channels: int = 32
    pixels: int = 32
    batch: int = 1

    def network(self) -> Network:
        """Return the network."""
        rng = np.random.default_rng(0)
        window = Window((KERNEL, KERNEL), padding=(1, 1, 1, 1))
        shape = (1, self.pixels, self.pixels, self.channels)
        scales = np.float32(0.1), np.float32(0.1 / (KERNEL * self.channels**0.5 * 74))
        act, weights = (Quantization(scale, np.int64(0)) for scale in scales)
        tensors, nodes = [Tensor("t0", shape, np.dtype(np.int8), act)], []
        for i in range(self.depth):
            of_layer = (self.channels, KERNEL, KERNEL, self.channels)
            data = rng.integers(-127, 128, of_layer).astype(np.int8)
            tensors.append(Tensor(f"w{i}", of_layer, np.dtype(np.int8), weights, data))
            tensors.append(Tensor(f"t{i + 1}", shape, np.dtype(np.int8), act))
            nodes.append(Node(f"conv{i}", Conv2D(window, 1), (f"t{i}", f"w{i}"), (f"t{i + 1}",)))
        named = {tensor.name: tensor for tensor in tensors}
        return Network("chain", "tflite", tuple(nodes), named, ("t0",), (f"t{self.depth}",))

    @property
    def macs(self) -> int:
        """Of one run."""
        return self.batch * self.depth * self.pixels**2 * KERNEL**2 * self.channels * self.channels


def least_seconds(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least processor time of several runs."""
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return min(times)


def peak_bytes(run: Callable[[], object]) -> int:
    """Return the most that a run holds beyond what was held before it."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of log `seconds` over log `sizes`."""
    x, y = ([log(value) for value in values] for values in (sizes, seconds))
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return above / sum((a - mean_x) ** 2 for a in x)


def ran(chain: Chain) -> tuple[float, int]:
    """Return seconds of a run on the kernels, and its peak bytes besides what it returns."""
    network = chain.network()
    if sum(layer_macs(network, node) for node in network.nodes) * chain.batch != chain.macs:
        raise AssertionError("the chain does not compute what it says")
    prepared = prepare(network)
    shape = (chain.batch, chain.pixels, chain.pixels, chain.channels)
    x = np.random.default_rng(1).integers(-128, 128, shape, np.int8)
    prepared.run(x)
    peak = peak_bytes(lambda: prepared.run(x)) - x.nbytes  # the output is as large as the input
    return least_seconds(lambda: prepared.run(x)), max(peak, 0)


def of_runs(doublings: int) -> list[str]:
    """Return the table of runs on the kernels."""
    lines = [
        "## Runs on engine kernels",
        "",
        *header("doubled", "from", "to", "MMAC", "seconds", "exponent", "peak MiB"),
    ]
    for name in ("depth", "channels", "pixels", "batch"):
        start = getattr(Chain(), name)
        chains = [replace(Chain(), **{name: start << i}) for i in range(doublings)]
        found = [ran(chain) for chain in chains]
        slope = exponent([chain.macs for chain in chains], [seconds for seconds, _ in found])
        lines.append(
            row(
                name,
                f"{start}",
                f"{start << (doublings - 1)}",
                f"{chains[0].macs / 1e6:,.0f} .. {chains[-1].macs / 1e6:,.0f}",
                f"{found[0][0]:.5f} .. {found[-1][0]:.5f}",
                f"{slope:.2f}",
                f"{found[0][1] / 2**20:.2f} .. {found[-1][1] / 2**20:.2f}",
            )
        )
        print(lines[-1], flush=True)
    return [*lines, ""]


def of_programs(doublings: int) -> list[str]:
    """Return the tables of compiling and timing: deeper networks, and more of one."""
    lines = [
        f"## Programs for `{MACHINE}`",
        "",
        "Deeper networks are estimated, compiling and timing; then one program is timed again and "
        "again in one process.",
        "",
        *header("doubled", "from", "to", "instructions", "seconds", "exponent", "peak MiB"),
    ]
    sizes, times, peaks = [], [], []
    for depth in (Chain().depth << i for i in range(doublings)):
        network = replace(Chain(), depth=depth).network()
        sizes.append(len(estimate(network, MACHINE).program.instructions))
        times.append(least_seconds(lambda of=network: estimate(of, MACHINE), 1))  # type: ignore[misc]
        peaks.append(peak_bytes(lambda of=network: estimate(of, MACHINE)))  # type: ignore[misc]
    lines.append(_grown("depth", Chain().depth, doublings, sizes, times, peaks))
    program = estimate(Chain().network(), MACHINE).program
    counts = [4 << i for i in range(doublings)]
    times, peaks = [], []
    for count in counts:

        def many(of: int = count) -> None:
            for _ in range(of):
                time_program(program)

        times.append(least_seconds(many, 1))
        peaks.append(peak_bytes(many))
    sizes = [count * len(program.instructions) for count in counts]
    lines.append(_grown("programs", counts[0], doublings, sizes, times, peaks))
    return [*lines, ""]


def _grown(
    name: str,
    start: int,
    doublings: int,
    sizes: Sequence[int],
    times: Sequence[float],
    peaks: Sequence[int],
) -> str:
    line = row(
        name,
        f"{start}",
        f"{start << (doublings - 1)}",
        f"{sizes[0]:,} .. {sizes[-1]:,}",
        f"{times[0]:.3f} .. {times[-1]:.3f}",
        f"{exponent(sizes, times):.2f}",
        f"{peaks[0] / 2**20:.2f} .. {peaks[-1] / 2**20:.2f}",
    )
    print(line, flush=True)
    return line


LARGEST = Chain(depth=3072, channels=32, pixels=20)
DEEPEST_PROGRAM = Chain(depth=3072, channels=32, pixels=8)


def largest() -> list[str]:
    """Return what the largest networks that were tried take."""
    seconds, peak = ran(LARGEST)
    lines = [
        "## The largest tried",
        "",
        f"{LARGEST.depth:,} layers, {LARGEST.macs / 1e9:.1f} G MACs a sample on engine kernels: "
        f"{seconds:.3f} s, {LARGEST.macs / seconds / 1e9:.0f} GMAC/s, at most "
        f"{peak / 2**20:.2f} MiB besides the weights.",
        "",
    ]
    start = time.thread_time()
    cost = estimate(DEEPEST_PROGRAM.network(), MACHINE)
    taken = time.thread_time() - start
    lines += [
        f"{DEEPEST_PROGRAM.depth:,} layers estimated for `{MACHINE}`: "
        f"{len(cost.program.instructions):,} instructions in {taken:.1f} s.",
    ]
    print("\n".join(lines), flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three sizes, no largest network")
    parser.add_argument("--no-write", action="store_true", help="print only")
    arguments = parser.parse_args()
    doublings = 3 if arguments.quick else 6
    lines = [
        "# Growth",
        "",
        f"Written by `python -m benchmarks.bench_growth` at commit {commit()}; do not edit. Chains "
        "of 3x3 convolutions; one size doubles at a time. An exponent of 1 says that time grows as "
        "the multiplications (runs) or the instructions (programs) do.",
        "",
        *of_runs(doublings),
        *of_programs(doublings),
    ]
    if not arguments.quick:
        lines += largest()
        if not arguments.no_write:
            (ROOT / "benchmarks" / "GROWTH.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
