"""Speed of whole networks: npusim, LiteRT's three sets of kernels and onnxruntime, side by side.

    python -m benchmarks.bench_networks [--rounds 25] [--only SUBSTRING] [--no-write]

Every engine runs on one thread, warm, on the same file and the same input, one after the other in
each round; the figure is the median processor time over the rounds. Beside LiteRT, whose time is
invoke() on tensors that were set before, npusim runs on arrays that were bound before
(Prepared.bind); beside onnxruntime, both are whole calls from Python. Reads
../shared/models; writes benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import partial
from math import exp, log
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

import npusim
from benchmarks import bench_import
from benchmarks.peak import peak
from benchmarks.stopwatch import Run, as_installed, children_seconds, seconds
from npusim.graph.network import Network
from npusim.kernels.vnni import available_forms, chosen_form
from npusim.operators.count import layer_macs
from npusim.prepared.engine import Prepared, prepare
from npusim.runtimes.rule import resolve_rule
from tools.checkout import DIGITS, MODELS, ROOT, commit
from tools.markdown import header, row

BATCHES = (1, 2, 4, 8, 16, 32, 64)


def tflite_files() -> list[Path]:
    return sorted(
        path
        for path in (MODELS / "tflite").glob("*.tflite")
        if "fp32" not in path.name and "hybrid" not in path.name
    )


def onnx_files() -> list[Path]:
    return sorted(path for path in (MODELS / "onnx").glob("*int8*.onnx"))


def random_input(network: Network, samples: int) -> dict[str, np.ndarray]:
    """Return random inputs in the file's layout; a float input gets values in 0..1."""
    rng = np.random.default_rng(1)
    inputs = {}
    for name in network.inputs:
        tensor = network.tensors[name]
        shape = (samples, *tensor.shape[1:])
        if tensor.is_float:
            x = rng.random(shape, np.float32)
        else:
            limits = np.iinfo(tensor.dtype)
            x = rng.integers(limits.min, limits.max, shape, tensor.dtype, endpoint=True)
        inputs[name] = np.ascontiguousarray(tensor.in_file_order(x))
    return inputs


def litert(path: Path, kernels: str, inputs: dict[str, np.ndarray]) -> Run:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = {
        "ref": OpResolverType.BUILTIN_REF,
        "opt": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "xnn": OpResolverType.AUTO,
    }[kernels]
    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=resolver, num_threads=1
    )
    interpreter.allocate_tensors()
    for detail, x in zip(interpreter.get_input_details(), inputs.values(), strict=True):
        interpreter.set_tensor(detail["index"], x)
    return interpreter.invoke


def onnxruntime(path: Path, inputs: dict[str, np.ndarray]) -> Run:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return partial(session.run, None, inputs)


def geometric_mean(values: Iterable[float]) -> float:
    logs = [log(value) for value in values]
    return exp(sum(logs) / len(logs))


def load(path: Path) -> tuple[Network, Prepared, int]:
    network = npusim.load(path)
    macs = sum(layer_macs(network, node) for node in network.nodes)
    return network, prepare(network, resolve_rule(network)), macs


def table(
    title: str, files: list[Path], peers: tuple[str, ...], rounds: int, limit: float
) -> list[str]:
    """Return the table of one format: throughput of each engine, and npusim's ratio to each.

    `limit`: GMAC/s that the processor's instruction reaches by itself.
    """
    lines = [
        f"## {title}",
        "",
        *header(
            "network",
            "MMAC",
            "npusim ms",
            "npusim",
            "of limit",
            *peers,
            *(f"npusim / {p}" for p in peers),
        ),
    ]
    ratios: dict[str, list[float]] = {peer: [] for peer in peers}
    for path in files:
        network, prepared, macs = load(path)
        x = random_input(network, network.tensors[network.inputs[0]].shape[0])
        whole_call = "onnxruntime" in peers
        runs: dict[str, Run] = {
            "npusim": partial(prepared.run, x) if whole_call else prepared.bind(x)
        }
        for peer in peers:
            runs[peer] = onnxruntime(path, x) if peer == "onnxruntime" else litert(path, peer, x)
        times = seconds(runs, rounds)
        speeds = [f"{macs / times[name] / 1e9:.2f}" for name in ("npusim", *peers)]
        for peer in peers:
            ratios[peer].append(times[peer] / times["npusim"])
        speeds.insert(1, f"{macs / times['npusim'] / limit / 1e7:.1f} %")
        figures = [f"{macs / 1e6:.2f}", f"{times['npusim'] * 1e3:.3f}", *speeds]
        lines.append(row(path.stem, *figures, *(f"{ratios[peer][-1]:.2f}" for peer in peers)))
        print(lines[-1], flush=True)
    if files:
        means = (f"**{geometric_mean(ratios[peer]):.2f}**" for peer in peers)
        lines.append(row("geometric mean", *[""] * (4 + len(peers)), *means))
        print(lines[-1], flush=True)
    return [*lines, ""]


def growth(rounds: int) -> list[str]:
    """Return the tables of time against batch size and against threads."""
    lines = ["## Growth with the batch and with threads", ""]
    names = ("kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "ad_ae_int8")
    lines += [
        "Milliseconds for each sample, processor time on one thread; then wall time of the largest "
        "batch on 1 and 2 threads.",
        "",
        *header(
            "network",
            *(f"batch {n}" for n in BATCHES),
            f"batch {BATCHES[-1]}, 1 thread",
            "2 threads",
            "speed-up",
        ),
    ]
    for name in names:
        network, prepared, _ = load(MODELS / "tflite" / f"{name}.tflite")
        batches = {n: random_input(network, n) for n in BATCHES}
        runs: dict[str, Run] = {str(n): partial(prepared.run, x) for n, x in batches.items()}
        for threads in (1, 2):
            runs[f"threads {threads}"] = partial(
                prepared.run, batches[BATCHES[-1]], threads=threads
            )
        times = seconds(runs, rounds, time.perf_counter)
        each = (f"{times[str(n)] / n * 1e3:.3f}" for n in BATCHES)
        one, two = times["threads 1"], times["threads 2"]
        figures = (f"{value:.2f}" for value in (one * 1e3, two * 1e3, one / two))
        lines.append(row(name, *each, *figures))
        print(lines[-1], flush=True)
    return [*lines, ""]


def start_up() -> list[str]:
    """Return the table of start-up times, the middle of five; the first run ever once."""
    tool = [sys.executable, "-m", "npusim"]
    run = [*tool, "run", str(DIGITS / "digits_int8.onnx"), "--input"]
    run.append(str(DIGITS / "digits_test.npz"))
    lines = ["## Start-up", "", *header("command", "seconds", "processor seconds")]
    with TemporaryDirectory() as kept:
        environment = as_installed() | {"NPUSIM_CACHE_DIR": kept}
        for name, command, times in (
            ("python -c pass", [sys.executable, "-c", "pass"], 5),
            ("python -c 'import npusim'", [sys.executable, "-c", "import npusim"], 5),
            ("npusim --help", [*tool, "--help"], 5),
            ("npusim run digits_int8.onnx (first run ever)", run, 1),
            ("npusim run digits_int8.onnx (warm)", run, 5),
        ):
            walls, processors = [], []
            for number in range(times + 1 if times > 1 else 1):  # the first writes bytecode
                start, before = time.perf_counter(), children_seconds()
                subprocess.run(command, check=True, capture_output=True, env=environment)
                if number or times == 1:
                    walls.append(time.perf_counter() - start)
                    processors.append(children_seconds() - before)
            lines.append(row(f"`{name}`", f"{median(walls):.2f}", f"{median(processors):.2f}"))
            print(lines[-1], flush=True)
    return [*lines, ""]


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--only", default="", help="networks whose name holds this")
    parser.add_argument("--no-write", action="store_true", help="print only")
    arguments = parser.parse_args()
    if not MODELS.is_dir():
        sys.exit(f"reference networks not found: expected {MODELS}")

    def chosen(files: list[Path]) -> list[Path]:
        return [path for path in files if arguments.only in path.name]

    rounds = arguments.rounds
    limits = {form: peak(form) for form in available_forms() if form != "plain"}
    limit = limits.get(chosen_form(), limits["blocked"])
    lines = [
        "# Speed of whole networks",
        "",
        f"Written by `benchmarks/bench_networks.py` at commit {commit()}; do not edit.",
        "",
        f"{processor()}, Python {platform.python_version()}, numpy {np.__version__}; "
        f"linear layers run the `{chosen_form()}` tiles.",
        "One thread, batch as the file declares it, median of "
        f"{rounds} interleaved rounds, GMAC/s where no unit is given; a ratio above 1 says npusim "
        "is faster. Times are the thread's processor time. LiteRT's kernels: `ref` reference (the "
        "bytes npusim equals), `opt` built-in optimized, `xnn` XNNPACK; they are timed as invoke() "
        "on tensors set before, and npusim beside them likewise, on arrays bound before. Beside "
        "onnxruntime both are whole calls from Python.",
        "",
        "The physical limit: GMAC/s of each form's instruction alone, in a loop that reads no "
        "memory (`benchmarks/peak.py`): "
        + ", ".join(f"`{form}` {found:.0f}" for form, found in limits.items())
        + f"; `of limit` is npusim's share of that of `{chosen_form()}`.",
        "",
        *table(
            "TensorFlow Lite files", chosen(tflite_files()), ("ref", "opt", "xnn"), rounds, limit
        ),
        *table("ONNX files", chosen(onnx_files()), ("onnxruntime",), rounds, limit),
    ]
    if not arguments.only:
        lines += [*growth(max(rounds // 3, 3)), *start_up(), *bench_import.table()]
    if not arguments.no_write and not arguments.only:
        (ROOT / "benchmarks" / "RESULTS.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
