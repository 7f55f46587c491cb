"""A sweep of 200 points: its time on two processes, on a Dask cluster, and killed half way.

    python -m benchmarks.bench_sweep [--no-write]

The space is sweep_200.toml beside this file; reads ../shared/models; writes SWEEP.md. Processor
time is that of npusim and its workers together, start-up included; wall time says as much about
what else the computer did.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.stopwatch import children_seconds
from tools.checkout import DIGITS, MODELS, ROOT, commit
from tools.markdown import header, row

SPACE = ROOT / "benchmarks" / "sweep_200.toml"
PAGE = ROOT / "benchmarks" / "SWEEP.md"
WORKERS = 2
POINTS = 200
NPUSIM = [sys.executable, "-m", "npusim"]
CLUSTER = f"""
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers={WORKERS}, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@dataclass(frozen=True)
class Run:
    """What one way of running the sweep took."""

    name: str
    wall_seconds: float
    processor_seconds: float
    rows: list[dict[str, str]]


def lay_out(folder: Path) -> Path:
    """Put the space, its networks and its samples into `folder`; return the space's path."""
    for name in ("digits_float.onnx", "digits_train.npz", "digits_test.npz"):
        shutil.copy(DIGITS / name, folder)
    shutil.copy(MODELS / "onnx/kws_dscnn_fp32.onnx", folder)
    for name in ("ic_resnet8_fp32", "vww_mbv1_fp32", "ad_ae_fp32"):
        shutil.copy(MODELS / f"tflite/{name}.tflite", folder)
    keywords = np.load(MODELS / "samples/kws01.npz")
    x, y = ((keywords["x"].astype(np.float32) - 83) * np.float32(0.5847029)), keywords["y"]
    np.savez(folder / "kws_calibrate.npz", x=x[::12])
    np.savez(folder / "kws_evaluate.npz", x=x, y=y)
    photos = np.load(MODELS / "samples/photos.npz")["x128"].astype(np.float32) / 255
    np.savez(folder / "ic_calibrate.npz", x=photos[:, 32:64, 32:64])
    np.savez(folder / "vww_calibrate.npz", x=photos[:, 16:112, 16:112])
    noise = np.random.default_rng(1).normal(size=(32, 640)).astype(np.float32)
    np.savez(folder / "ad_calibrate.npz", x=noise)
    return Path(shutil.copy(SPACE, folder))


def sweep(name: str, space: Path, output: Path, options: Sequence[str]) -> Run:
    start, before = time.perf_counter(), children_seconds()
    subprocess.run([*NPUSIM, "sweep", str(space), "-o", str(output), *options], check=True)
    return Run(
        name, time.perf_counter() - start, children_seconds() - before, rows_without_seconds(output)
    )


def rows_without_seconds(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def journal_keys(output: Path) -> list[str]:
    path = output.with_name(f"{output.name}.sweep") / "journal.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as journal:
            return [key for (key,) in journal.execute("SELECT key FROM tasks ORDER BY number")]
    except sqlite3.OperationalError:  # the sweep has not begun it
        return []


def killed_half_way(space: Path, output: Path) -> tuple[int, list[str], Run]:
    """Return the tasks finished at the SIGKILL, the journal's keys in the end, the second run."""
    options = ["--workers", str(WORKERS)]
    process = subprocess.Popen([*NPUSIM, "sweep", str(space), "-o", str(output), *options])
    while len(journal_keys(output)) < POINTS // 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = journal_keys(output)
    run = sweep("resumed after SIGKILL", space, output, [*options, "--resume"])
    after = journal_keys(output)
    assert after[: len(kept)] == kept
    assert len(set(after)) == len(after)
    return len(kept), after, run


def on_dask(space: Path, output: Path) -> Run:
    script = space.with_name("cluster.py")
    script.write_text(CLUSTER)
    start, before = time.perf_counter(), children_seconds()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    cluster = subprocess.Popen(
        [sys.executable, str(script)], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert cluster.stdout is not None
    address = cluster.stdout.readline().strip()
    run = sweep("Dask cluster", space, output, ["--scheduler", address])
    cluster.communicate()
    return Run(run.name, time.perf_counter() - start, children_seconds() - before, run.rows)


def page(runs: Sequence[Run], kept: int, tasks: int) -> str:
    lines = [
        "# A sweep of 200 points",
        "",
        f"Written by `python -m benchmarks.bench_sweep` at commit {commit()}: 8 machines x 5 "
        f"schemes x 5 networks ([sweep_200.toml](sweep_200.toml)) on {WORKERS} processes of "
        f"{os.cpu_count()} cores. "
        "Processor time is the figure to go by where the computer is shared.",
        "",
        *header("run", "wall, s", "processor, s"),
        *(row(r.name, f"{r.wall_seconds:.0f}", f"{r.processor_seconds:.0f}") for r in runs),
        "",
        f"Every run gave the same table but for the column `seconds`. SIGKILL came with {kept} of "
        f"{tasks} tasks finished (a task is a network in a scheme, or a point); none was repeated.",
        "",
        *header("network", "points", "with an error", "fewest cycles", "most cycles"),
    ]
    rows = runs[0].rows
    for network, count in Counter(point["network"] for point in rows).items():
        own = [point for point in rows if point["network"] == network]
        cycles = [int(point["cycles"]) for point in own if not point["error"]]
        least, most = f"{min(cycles):,}", f"{max(cycles):,}"
        lines.append(row(network, count, count - len(cycles), least, most))
    errors = Counter(point["error"] for point in rows if point["error"])
    lines += ["", *(f"* {count} x {error}" for error, count in errors.items())] if errors else []
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-write", action="store_true", help="leave SWEEP.md as it is")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        space = lay_out(folder)
        options = ["--workers", str(WORKERS)]
        first = sweep("first, kernels compiled on the way", space, folder / "a.csv", options)
        warm = sweep(f"--workers {WORKERS}", space, folder / "b.csv", options)
        kept, keys, resumed = killed_half_way(space, folder / "c.csv")
        dask = on_dask(space, folder / "d.csv")
    runs = [first, warm, resumed, dask]
    assert len(first.rows) == POINTS
    for run in runs[1:]:
        assert run.rows == first.rows, f"{run.name} gave another table"
    text = page(runs, kept, len(keys) - 1)
    print(text)
    if not arguments.no_write:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
