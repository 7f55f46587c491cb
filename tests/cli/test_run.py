"""`npusim run`: what it prints and writes, and one clear line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from npusim.engines.engine import run as run_session
from npusim.formats.files import load
from npusim.machines import Machine
from tests.cli.conftest import Finished
from tests.conftest import DIGITS

MODEL = DIGITS / "digits_int8.onnx"
IMAGES = DIGITS / "digits_test.npz"

Npusim = Callable[..., Finished]


def test_prints_the_layer_table_and_the_accuracy(npusim: Npusim) -> None:
    done = npusim("run", MODEL, "--input", IMAGES)
    assert done.code == 0, done.err
    network = load(MODEL)
    for node in network.nodes:
        assert node.name in done.out
    with np.load(IMAGES) as data:
        result = run_session(network, data["x"])
        scores = result.outputs[network.outputs[0]]
        correct = int((scores.argmax(1) == data["y"]).sum())
    assert f"top-1: {correct} of 360 correct" in done.out
    assert correct >= 0.95 * 360


def test_no_kernel_is_compiled_or_loaded_in_the_time_of_a_layer() -> None:
    code = f"""
import gc, numpy, npusim
from npusim.engines import kernels
from npusim.datapath.jit import Kernel

clock, ready = kernels.perf_counter_ns, []

def tick():
    kernels = [kernel for kernel in gc.get_objects() if type(kernel) is Kernel]
    used = [vars(kernel)["compiled"] for kernel in kernels if "compiled" in vars(kernel)]
    ready.append(sum(len(kernel.signatures) for kernel in used))
    return clock()

kernels.perf_counter_ns = tick
npusim.run(npusim.load({str(MODEL)!r}), numpy.load({str(IMAGES)!r})["x"])
print(*ready)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    start, end = map(int, done.stdout.split())
    assert 0 < start == end


def test_writes_outputs_tensors_and_json(npusim: Npusim, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("y.npz", "t.npz", "run.json")]
    done = npusim(
        "run", MODEL, "--input", IMAGES, "--output", files[0], "--save-tensors", files[1],
        "--json", files[2],
    )  # fmt: skip
    assert done.code == 0, done.err
    assert sorted(tmp_path.iterdir()) == sorted(files)
    network = load(MODEL)
    with np.load(files[0]) as outputs, np.load(files[1]) as tensors:
        assert set(outputs) == set(network.outputs)
        assert set(tensors) == set(network.tensors)
        name = network.outputs[0]
        np.testing.assert_array_equal(outputs[name], tensors[name])
    content = json.loads(files[2].read_text())
    assert content["macs"] == sum(layer["macs"] for layer in content["layers"])
    assert [layer["name"] for layer in content["layers"]] == [n.name for n in network.nodes]
    assert content["samples"] == 360
    assert "cycles" not in content  # the kernels engine cannot know them


def test_every_batch_and_thread_count_gives_the_same_bytes(npusim: Npusim, tmp_path: Path) -> None:
    seen = []
    for batch, threads in ((1, 1), (7, 2), (360, 1)):
        path = tmp_path / f"{batch}.npz"
        done = npusim(
            "run", MODEL, "--input", IMAGES, "--batch", batch, "--threads", threads,
            "--output", path,
        )  # fmt: skip
        assert done.code == 0, done.err
        with np.load(path) as outputs:
            seen.append({name: outputs[name].tobytes() for name in outputs})
    assert seen[0] == seen[1] == seen[2]


def test_one_sample_names_its_classes(npusim: Npusim, tmp_path: Path) -> None:
    with np.load(IMAGES) as data:
        path = write(tmp_path / "x.npy", data["x"][3])
        label = data["y"][3]
    names = tmp_path / "names.txt"
    names.write_text("".join(f"digit {i}\n" for i in range(10)))
    done = npusim("run", MODEL, "--input", path, "--labels", names, "--json", tmp_path / "r.json")
    best = [line for line in done.out.splitlines() if line.startswith("class ")]
    best = [line for line in best if "digit" in line]
    assert len(best) == 5
    assert best[0].endswith(f"digit {label}")
    assert "inputs: real values" in done.out
    assert json.loads((tmp_path / "r.json").read_text())["inputs"] == {"meaning": "real values"}


def test_labels_met_by_chance_are_a_warning(npusim: Npusim, tmp_path: Path) -> None:
    with np.load(IMAGES) as data:
        np.savez(tmp_path / "x.npz", x=np.zeros_like(data["x"]), y=data["y"])
    done = npusim("run", MODEL, "--input", tmp_path / "x.npz")
    assert "no more labels are met than by chance" in done.err
    assert "by chance" not in npusim("run", MODEL, "--input", IMAGES).err


def write(path: Path, x: object) -> Path:
    np.save(path, np.asarray(x))
    return path


def labelled(path: Path, labels: list[int]) -> Path:
    np.savez(path, x=np.zeros((len(labels), 8, 8, 1), np.float32), y=labels)
    return path


MISTAKES: dict[str, tuple[Callable[[Path], list[object]], str]] = {
    "no such model": (lambda d: [d / "none.onnx"], "cannot read it"),
    "a shipped name mistyped": (
        lambda d: ["digits_floot.onnx"],
        "no such file; did you mean digits_float.onnx?",
    ),
    "a directory": (lambda d: [d], "found a directory"),
    "an empty file": (lambda d: [empty(d / "empty.tflite")], "found an empty file"),
    "another format": (lambda d: [text(d / "model.txt")], "expected a .tflite or .onnx file"),
    "not ONNX": (lambda d: [text(d / "model.onnx")], "model.onnx"),
    "not TFLite": (lambda d: [text(d / "model.tflite")], "model.tflite"),
    "no such input": (lambda d: [MODEL, "--input", d / "x.npy"], "no such file"),
    "a damaged input": (lambda d: [MODEL, "--input", text(d / "x.npy")], "numpy"),
    "a damaged archive": (lambda d: [MODEL, "--input", text(d / "x.npz")], "numpy"),
    "another shape": (
        lambda d: [MODEL, "--input", write(d / "x.npy", np.zeros((1, 9, 9, 1), np.float32))],
        "found [1, 9, 9, 1]",
    ),
    "another type": (
        lambda d: [MODEL, "--input", write(d / "x.npy", np.zeros((1, 8, 8, 1), np.int64))],
        "found int64",
    ),
    "not a number": (
        lambda d: [MODEL, "--input", write(d / "x.npy", np.full((1, 8, 8, 1), np.nan, "f"))],
        "nan",
    ),
    "a label of no class": (
        lambda d: [MODEL, "--input", labelled(d / "x.npz", [3, 10])],
        "label of sample 1: expected a class of 0..9, found 10",
    ),
    "no samples": (
        lambda d: [MODEL, "--input", write(d / "x.npy", np.zeros((0, 8, 8, 1), np.float32))],
        "at least one sample",
    ),
    "unknown rule": (lambda d: [MODEL, "--requant", "nearest"], "nearest"),
    "unknown engine": (lambda d: [MODEL, "--engine", "gpu"], "gpu"),
    "an option twice": (lambda d: [MODEL, "--engine", "rtl", "--engine", "rtl"], "found 2 times"),
    "an archive of another name": (lambda d: [MODEL, "--output", d / "y.npy"], "ending in .npz"),
    "batches on the machine": (
        lambda d: [MODEL, "--engine", "machine", "--batch", 2],
        "--batch: expected engine kernels, found machine",
    ),
    "a machine of the kernels": (
        lambda d: [MODEL, "--machine", "nano"],
        "--machine: expected --engine machine or rtl",
    ),
    "a change of no machine": (
        lambda d: [MODEL, "--set", "array.size=8"],
        "--set: expected --engine machine or rtl",
    ),
    "a key set twice": (
        lambda d: [MODEL, "--engine", "machine", "--set", "array.size=8", "--set", "array.size=4"],
        "--set: expected each key once, found array.size again",
    ),
    "state of a network without": (
        lambda d: [MODEL, "--reset-state"],
        "--reset-state: expected a network with state",
    ),
    "names of many samples": (
        lambda d: [MODEL, "--input", IMAGES, "--labels", text(d / "names.txt")],
        "--labels: expected one sample, whose top 5 it names, found 360",
    ),
    "a mean of no picture": (
        lambda d: [MODEL, "--input", IMAGES, "--mean", "0.5"],
        "--mean: expected pictures, or --samples pixels, found other samples",
    ),
    "a crop of no picture": (
        lambda d: [MODEL, "--input", pixels(d / "x.npy"), "--samples", "pixels", "--crop", "0.5"],
        "--crop: expected pictures, found other samples",
    ),
    "one file for two outputs": (
        lambda d: [MODEL, "--output", d / "y.npz", "--save-tensors", d / "y.npz"],
        "expected another file for each output, --output names it",
    ),
    "other names": (
        lambda d: [MODEL, "--labels", text(d / "names.txt")],
        "expected 10 names, one a line, found 20",
    ),
    "nowhere to write": (lambda d: [MODEL, "--output", d / "none" / "y.npz"], "no directory"),
    "no such machine": (
        lambda d: [MODEL, "--engine", "machine", "--machine", d / "none.toml"],
        "none.toml: cannot read it",
    ),
    "an illegal machine": (
        lambda d: [
            MODEL,
            "--engine",
            "machine",
            "--machine",
            machine_of(d, "size = 4", "size = 5"),
        ],
        "nano.toml: array.size: expected a power of two in 4..64, found 5",
    ),
    "pictures nowhere": (
        lambda d: [MODEL, "--engine", "machine", "--machine", "nano", "--plots", "/proc/plots"],
        "/proc/plots: ",
    ),
}


def pixels(path: Path) -> Path:
    np.save(path, np.full((1, 8, 8, 1), 99, np.uint8))
    return path


def machine_of(folder: Path, old: str, new: str) -> Path:
    path = folder / "nano.toml"
    path.write_text(Machine.load("nano").to_toml().replace(old, new))
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def text(path: Path) -> Path:
    path.write_text("This is not a network.\n" * 20)
    return path


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda name: name.replace(" ", "-"))
def test_a_mistake_is_one_line_and_leaves_nothing(
    npusim: Npusim, tmp_path: Path, mistake: str
) -> None:
    arguments, expected = MISTAKES[mistake]
    given = arguments(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = npusim("run", *given, "--json", tmp_path / "run.json")
    assert done.code == 2
    assert done.out == ""
    notes = ("no --input", "npusim: compiling kernels", "npusim: compiled")
    lines = [line for line in done.err.splitlines() if not line.startswith(notes)]
    assert len(lines) == 1, done.err
    assert expected in lines[0]
    assert lines[0].startswith("npusim: ")
    assert sorted(tmp_path.rglob("*")) == before
