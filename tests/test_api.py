"""The public names: these and no more, light to import, documented, and what documents use."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.arguments import whole_number
from npusim.quant.options import parse_layer
from tests.conftest import DIGITS, ROOT

NAMES = {
    "Machine", "Network", "NpuError", "Result", "check", "compare", "compile", "estimate",
    "explain", "export", "load", "prepare", "prove", "prove_pairs", "quantize", "run", "sweep",
    "verify",
}  # fmt: skip
LIBRARIES = {
    "npusim.cosim": "a bench for anybody's Verilog",
    "npusim.datapath": "units as golden models",
    "npusim.isa": "programs by hand",
}
"""Packages that documents import from besides: what they are for."""
INSIDE = {
    "board.md": {"npusim.boards.board", "npusim.boards.link"},
    "explain.md": {"npusim", "npusim.graph.network", "npusim.graph.tensor"},  # a layer by hand
    "numerics.md": {
        "npusim.runtimes.requantization",
        "npusim.runtimes.staircase",
        "npusim.runtimes.twins",
    },
    "tutorial_program.md": {"npusim.simulator.run", "npusim.simulator.execute.machine_state"},
}
"""Documents of the inside, and the modules that they are about."""


def test_dir_shows_the_public_names_and_no_more() -> None:
    assert set(dir(npusim)) == NAMES == set(npusim.__all__)
    found = {name: getattr(npusim, name) for name in NAMES}
    assert all(inspect.getdoc(value) for value in found.values())
    assert inspect.isclass(found["Network"])
    assert callable(found["compile"])
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        npusim.nothing  # noqa: B018


def test_the_type_checker_sees_the_same_names_from_the_same_homes() -> None:
    (block,) = [
        node
        for node in ast.parse(Path(npusim.__file__).read_text()).body
        if isinstance(node, ast.If)
    ]
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            inner = f":{alias.name}" if alias.asname else ""
            seen[alias.asname or alias.name] = f"{node.module}{inner}"
    assert seen == npusim._HOMES


def test_importing_it_imports_none_of_the_work() -> None:
    code = "import sys, npusim; dir(npusim); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name for name in done.stdout.split() if name.startswith(("npusim", "num", "onnx"))}
    assert {name for name in found if not name.startswith("numbers")} == {"npusim"}


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_documents_use_the_public_names(path: Path) -> None:
    text = path.read_text()
    modules = set(re.findall(r"^(?:>>> )?from (npusim[\w.]*) import", text, re.MULTILINE))
    modules |= set(re.findall(r"^(?:>>> )?import (npusim\.[\w.]*)", text, re.MULTILINE))
    allowed = INSIDE.get(path.name, set())
    deep = {name for name in modules - allowed if not name.startswith(tuple(LIBRARIES))}
    assert not deep
    assert set(re.findall(r"\bnpusim\.(\w+)\(", text)) <= NAMES


def test_networks_and_results_are_saved(tmp_path: Path) -> None:
    network = npusim.load(DIGITS / "digits_float.onnx")
    x = np.load(DIGITS / "digits_train.npz")["x"][:40]
    quantized = npusim.quantize(network, x)
    quantized.save(tmp_path / "saved.onnx")
    npusim.export(quantized, tmp_path / "exported.onnx")
    assert (tmp_path / "saved.onnx").read_bytes() == (tmp_path / "exported.onnx").read_bytes()
    result = npusim.run(npusim.load(tmp_path / "saved.onnx"), x[:2])
    result.save(tmp_path / "y.npz")
    result.save(tmp_path / "run.json")
    with np.load(tmp_path / "y.npz") as arrays:
        assert {name: values.tolist() for name, values in arrays.items()} == {
            name: values.tolist() for name, values in result.outputs.items()
        }
    assert json.loads((tmp_path / "run.json").read_text())["samples"] == 2
    with pytest.raises(npusim.NpuError, match=r"expected a name ending in \.npz or \.json"):
        result.save(tmp_path / "y.csv")


def test_a_program_is_compiled_and_verified(tmp_path: Path) -> None:
    network = npusim.load(DIGITS / "digits_int8.onnx")
    program = npusim.compile(network, "nano")
    program.save(tmp_path / "digits.npu")
    assert type(program).load(tmp_path / "digits.npu") == program
    cost = npusim.estimate(network, npusim.Machine.load("nano"))
    assert cost.program.instructions == program.instructions
    cost.save_trace(tmp_path / "digits.json.gz")
    cost.save_trace(tmp_path / "digits.json")
    assert (tmp_path / "digits.json.gz").stat().st_size < (tmp_path / "digits.json").stat().st_size


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_verification_returns_what_it_compared() -> None:
    (first, *_) = npusim.verify("mac_uniform", vectors=2000)
    assert first.unit == "mac_uniform"
    program = npusim.compile(npusim.load(DIGITS / "digits_int8.onnx"), "nano")
    (run,) = npusim.verify(program, simulator="icarus")
    assert run.cycles == run.rtl_cycles


WRONG: list[tuple[str, dict[str, object], str]] = [
    ("run", {"engine": "kernel"}, "engine: expected one of kernels, machine, rtl, found 'kernel'"),
    ("run", {"engine": None}, "engine: expected one of kernels, machine, rtl, found None"),
    ("run", {"energy": "zz"}, "energy: expected one of average, toggles, found 'zz'"),
    ("run", {"requant": "zz"}, "requant: expected one of auto, litert, .*, found 'zz'"),
    ("run", {"batch": 0}, "batch: expected an integer of at least 1, found 0"),
    ("run", {"batch": 2.0}, "batch: expected an integer of at least 1, found 2.0"),
    ("run", {"threads": -1}, "threads: expected an integer of at least 1, found -1"),
    ("run", {"engine": "machine", "machine": 5}, "machine: expected Machine or str or Path, "),
    (
        "run",
        {"network": "net.onnx"},
        "network: expected Network .npusim.load .*found str",
    ),
    ("estimate", {"network": None}, "network: expected Network .*, found NoneType"),
    ("compile", {"network": None}, "network: expected Network .*, found NoneType"),
    ("prepare", {"network": None}, "network: expected Network .*, found NoneType"),
    ("explain", {"network": None, "layer": "x"}, "network: expected Network .*, found NoneType"),
    ("export", {"network": None, "path": "x.onnx"}, "network: expected Network .*, found NoneType"),
    ("verify", {"target": 5}, "target: expected str or Network or Program, found int"),
    ("verify", {"target": "add", "simulator": "vcs"}, "simulator: expected one of icarus, "),
    ("verify", {"target": "add", "vectors": 0}, "vectors: expected an integer of at least 1, "),
    ("quantize", {"network": None}, "network: expected Network .*, found NoneType"),
    ("quantize", {"scheme": 8}, "scheme: expected one of uniform, .*, found 8"),
    ("quantize", {"bits": "4"}, "bits: expected an integer of at least 1, found '4'"),
    ("quantize", {"threads": 0}, "threads: expected an integer of at least 1, found 0"),
    ("quantize", {"calibrate": [[None]]}, "expected real values, found object"),
    ("sweep", {"space": "x.toml", "output": "x.csv", "workers": 0}, "workers: expected an integer"),
]


@pytest.mark.parametrize(("name", "wrong", "message"), WRONG)
def test_a_wrong_argument_is_one_line_with_the_choices(
    name: str, wrong: dict[str, object], message: str
) -> None:
    arguments: dict[str, object] = {}
    if name not in ("verify", "sweep"):
        kind = "digits_float.onnx" if name == "quantize" else "digits_int8.onnx"
        arguments["network"] = npusim.load(DIGITS / kind)
    with np.load(DIGITS / "digits_test.npz") as samples:
        if name == "run":
            arguments["x"] = samples["x"][:1]
        if name == "quantize":
            arguments["calibrate"] = samples["x"][:1].astype(np.float32)
    with pytest.raises(npusim.NpuError, match=message) as found:
        getattr(npusim, name)(**arguments | wrong)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "text", ["", "-1", "1.0", "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 5000]
)
def test_what_is_no_whole_number(text: str) -> None:
    assert whole_number(text) is None
    with pytest.raises(npusim.NpuError, match="expected NAME=SCHEME:BITS"):
        parse_layer(f"layer=uniform:{text}")


def test_whole_numbers() -> None:
    assert [whole_number(text) for text in ("0", "08", "224")] == [0, 8, 224]
