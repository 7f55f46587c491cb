"""A whole sweep: what its rows say, that every way of running it says the same, and SIGKILL."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

import npusim
from npusim.engines.estimate import estimate
from npusim.explore.sweep.execution import in_this_process
from npusim.explore.sweep.files import read_source, sweep
from npusim.explore.sweep.journal import Journal
from npusim.explore.sweep.results import columns
from npusim.explore.sweep.space import read_space
from npusim.explore.sweep.sweep import plan, sweep_space
from npusim.machines import Machine
from tests.conftest import DIGITS
from tests.explore.sweep_files import keys_of

SPACE = f"""
[[machines]]
base = ["nano", "small"]
[[machines]]
base = "base"
array.size = [12, 16]
array.formats = [["uniform8"], ["uniform8", "subset"]]
[[networks]]
model = "{DIGITS}/digits_float.onnx"
calibrate = "{DIGITS}/digits_train.npz"
evaluate = "{DIGITS}/digits_test.npz"
[[networks]]
model = "{DIGITS}/digits_int8.onnx"
evaluate = "{DIGITS}/digits_test.npz"
[[schemes]]
scheme = ["uniform", "subset"]
bits = [8, 4]
"""
POINTS = 6 * 5


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "space.toml"
    path.write_text(SPACE)
    return path


@pytest.fixture(scope="module")
def reference(space: Path) -> list[dict[str, str]]:
    """Return the rows of a sweep in this process."""
    sweep(space, space.with_name("reference.csv"))
    return rows_of(space.with_name("reference.csv"))


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file without `seconds`, which alone may differ."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return rows


def by(rows, **wanted):
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_a_row_is_what_quantize_run_and_estimate_say(reference):
    assert len(reference) == POINTS
    network = npusim.load(DIGITS / "digits_float.onnx")
    train, test = np.load(DIGITS / "digits_train.npz"), np.load(DIGITS / "digits_test.npz")
    quantized = npusim.quantize(network, train["x"], scheme="subset", bits=4)
    scores = npusim.run(quantized, test["x"]).outputs[quantized.outputs[0]]
    for name in ("nano", "small"):
        found = estimate(quantized, Machine.load(name))
        (row,) = by(reference, machine=name, scheme="subset", bits="4")
        assert int(row["cycles"]) == found.cycles
        assert int(row["dram_bytes"]) == found.dram_bytes
        assert float(row["utilization"]) == found.utilization
        assert float(row["accuracy"]) == pytest.approx(
            100 * (scores.reshape(360, -1).argmax(1) == test["y"]).mean(), abs=1e-12
        )
        assert int(row["array.size"]) == Machine.load(name).size
        assert (row["network"], row["error"]) == ("digits_float", "")


def test_what_fails_is_a_row_with_its_reason(reference):
    illegal = by(reference, **{"array.size": "12"})
    assert len(illegal) == 2 * 5
    assert {row["error"] for row in illegal} == {
        "machine: array.size: expected a power of two in 4..64, found 12"
    }
    lacking = by(reference, **{"array.size": "16", "array.formats": "uniform8"})
    reasons = {(row["scheme"], row["bits"]): row["error"] for row in lacking}
    assert reasons == {
        ("uniform", "8"): "",
        ("uniform", "4"): "",
        ("unchanged", ""): "",
        ("subset", "8"): "subset: expected 2 to 4 bits, found 8",
        ("subset", "4"): "stem: its weights are subset of 4 bits, "
        "base-size16-formatsuniform8 has no subset",
    }
    assert all(row["cycles"] == "" for row in reference if row["error"])
    good = [row for row in reference if not row["error"]]
    assert len(good) == 3 * 4 + 3
    assert all(int(row["cycles"]) > 0 for row in good)
    assert len({row["inputs"] for row in reference}) == POINTS


def test_an_integer_network_is_taken_as_it_is(reference):
    own = by(reference, network="digits_int8", machine="nano")
    assert [(row["scheme"], row["bits"], row["accuracy"]) for row in own] == [
        ("unchanged", "", by(reference, scheme="uniform", bits="8", machine="nano")[0]["accuracy"])
    ]


def test_workers_and_parquet_say_the_same(space, reference, tmp_path):
    sweep(space, tmp_path / "w.csv", workers=2)
    assert rows_of(tmp_path / "w.csv") == reference
    # the same journal under another name gives the table without any work
    (tmp_path / "w.csv.sweep").rename(tmp_path / "w.parquet.sweep")
    before = keys_of(tmp_path / "w.parquet")
    sweep(space, tmp_path / "w.parquet", resume=True)
    assert keys_of(tmp_path / "w.parquet") == before
    assert before[-1] == "complete"
    table = pyarrow.parquet.read_table(tmp_path / "w.parquet")
    assert table.column_names == list(columns())
    for row, plain in zip(table.to_pylist(), reference, strict=True):
        shown = {key: "" if value is None else str(value) for key, value in row.items()}
        for key in ("energy.clock_gating", "pareto"):
            shown[key] = shown[key].lower()
        del shown["seconds"]
        assert shown == plain


def test_a_dask_cluster_says_the_same(space, reference, cluster, tmp_path):
    sweep(space, tmp_path / "d.csv", scheduler=cluster)
    assert rows_of(tmp_path / "d.csv") == reference


def start(space: Path, output: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "npusim", "sweep", str(space), "-o", str(output), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(output: Path, finished: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the journal of a running sweep has so many tasks."""
    while len(keys_of(output)) < finished:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)


def test_killed_half_way_and_resumed_loses_nothing_and_repeats_nothing(space, reference, tmp_path):
    output = tmp_path / "k.csv"
    tasks = 0
    for finished, options in ((2, ()), (7, ("--workers", "2", "--resume"))):
        process = start(space, output, *options)
        wait_for(output, finished, process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not output.exists()
        assert tasks < len(keys_of(output))
        tasks = len(keys_of(output))
    kept = keys_of(output)
    process = start(space, output)
    _, message = process.communicate()
    assert process.returncode == 2
    assert b"unfinished sweep" in message
    assert message.count(b"\n") == 1
    process = start(space, output, "--resume")
    assert process.communicate()[1] == b""
    assert process.returncode == 0
    assert rows_of(output) == reference
    keys = keys_of(output)
    assert keys[: len(kept)] == kept, "what was finished stays"
    assert len(set(keys)) == len(keys), "and is not done again"
    assert keys[-1] == "complete"


def children(pid: int) -> list[int]:
    """Return the processes that `pid` started and that run a task's code."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rpartition(")")[2].split()
            command = (path / "cmdline").read_text()
        except OSError:
            continue
        if int(stat[1]) == pid and "spawn_main" in command:
            found.append(int(path.name))
    return found


def test_workers_that_are_killed_cost_nothing_but_time(space, reference, tmp_path):
    output = tmp_path / "v.csv"
    process = start(space, output, "--workers", "2")
    for finished in (1, 6):
        wait_for(output, finished, process)
        os.kill(children(process.pid)[0], signal.SIGKILL)
    assert process.communicate()[1] == b""
    assert process.returncode == 0
    assert rows_of(output) == reference


def test_workers_end_with_their_parent(space, tmp_path):
    process = start(space, tmp_path / "o.csv", "--workers", "2")
    wait_for(tmp_path / "o.csv", 1, process)
    workers = children(process.pid)
    assert len(workers) == 2
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_points_with_the_same_inputs_are_one(space, tmp_path):
    path = tmp_path / "twice.toml"
    text = SPACE.replace('["nano", "small"]', '["nano", "nano"]').replace(
        "bits = [8, 4]", "bits = 8"
    )
    path.write_text(text + '[[schemes]]\nscheme = "uniform"\nbits = 8\nclip = "squared-error"\n')
    chosen = read_space(path)
    sources = {network.name: read_source(network) for network in chosen.networks}
    with Journal(tmp_path / "r.csv", resume=False) as journal:
        found = sweep_space(chosen, sources, journal, in_this_process)
    assert len(found.rows) == 5 * 3
    assert found.repeated == 6 * 4 - 15


@pytest.mark.parametrize(
    ("old", "new", "shared"),
    [
        ("[[machines]]\n", "[[machines]]\nmemory.latency_cycles = 41\n", 0),
        ("[[schemes]]\n", '[[schemes]]\nactivations = "min-max"\n', 6),
        (f"{DIGITS}/digits_train.npz", "TRAIN", 6),
        (f"{DIGITS}/digits_test.npz", "TEST", 0),
        ('_int8.onnx"\n', '_int8.onnx"\nrequant = "floor"\n', 24),
        (f"{DIGITS}/digits_float.onnx", "NETWORK", 6),
        ('base = "base"', 'base = "BASE.toml"', POINTS),
    ],
)
def test_every_input_is_in_the_hash_and_no_name(space, tmp_path, old, new, shared):
    """`shared`: points of the changed space that are points of the first one."""
    for name in ("train", "test"):
        arrays = dict(np.load(DIGITS / f"digits_{name}.npz"))
        arrays["x"][0, 0] += 1
        np.savez(tmp_path / name.upper(), **arrays)
        (tmp_path / f"{name.upper()}.npz").rename(tmp_path / name.upper())
    model = (DIGITS / "digits_float.onnx").read_bytes()
    (tmp_path / "NETWORK").write_bytes(model.replace(b"npusim", b"NPUSIM"))
    renamed = Machine.load("base").to_toml().replace('name = "base"', 'name = "other"')
    (tmp_path / "BASE.toml").write_text(renamed)

    def keys(text: str) -> set[str]:
        for name, suffix in (("TRAIN", ".npz"), ("TEST", ".npz"), ("NETWORK", ".onnx")):
            if name in text:
                (tmp_path / name).replace(tmp_path / f"{name}{suffix}")
                text = text.replace(name, f"{tmp_path / name}{suffix}")
        path = tmp_path / "space.toml"
        path.write_text(text)
        chosen = read_space(path)
        sources = {network.name: read_source(network) for network in chosen.networks}
        return {planned.price_key for planned in plan(chosen, sources)[0]}

    assert old in SPACE
    first, changed = keys(SPACE), keys(SPACE.replace(old, new))
    assert len(first) == len(changed) == POINTS
    assert len(first & changed) == shared
