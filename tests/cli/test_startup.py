"""What a command imports: the time of a small one is that of its imports."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from npusim.cli import app
from npusim.cli.app import COMMANDS

FOLDER = Path(app.__file__).parent

NUMBA = {"numba", "llvmlite"}
OTHERS = {
    "PIL", "cocotb", "distributed", "jinja2", "resvg_py", "scipy", "tflite", "npusim.cosim",
    "npusim.engines.kernels", "npusim.kernels.linear", "npusim.quant",
}  # fmt: skip


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Return a file of a convolution without weights: there are no codes to decode."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (1, 3, 8, 8)), ("w", (5, 3, 3, 3)))
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 5, 6, 6))
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "shapes", inputs, [output])
    path = tmp_path / "shapes.onnx"
    onnx.save(helper.make_model(graph, ir_version=8), path)
    return path


def imported(*statements: str) -> set[str]:
    """Return the modules that a fresh interpreter has imported after `statements`."""
    code = ";".join(("import sys", *statements, "print(*sys.modules, sep='\\n')"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def command(*arguments: object) -> str:
    return f"from npusim.cli.app import app; app({[*map(str, arguments)]}, standalone_mode=False)"


def test_help_imports_none_of_the_work() -> None:
    found = imported(command("estimate", "--help"))
    assert "click" in found
    assert not found & (NUMBA | OTHERS | {"numpy", "onnx", "rich", "npusim.graph", "npusim.isa"})


def test_listing_the_commands_imports_none() -> None:
    found = imported(command("--help"))
    assert "npusim.cli.app" in found
    others = {name for name in found if re.fullmatch(r"npusim(\.\w+)+", name)}
    assert others <= {"npusim.cli", "npusim.cli.app", "npusim.errors", "npusim.printable"}


def test_reading_a_tflite_file_imports_no_onnx() -> None:
    found = imported("import npusim.operators.pages, npusim.formats.tflite.reader")
    assert "npusim.operators.forms.onnx" in found
    assert not found & (NUMBA | {"onnx", "google.protobuf"})


def test_reading_and_estimating_quantized_layers_imports_no_numba() -> None:
    found = imported("import npusim", "npusim.estimate(npusim.load('digits'))")
    assert {"npusim.kernels.linear", "npusim.compiler.compile"} <= found
    assert not found & NUMBA


def test_every_command_is_in_the_list() -> None:
    for name in COMMANDS:
        module = import_module(f"npusim.cli.{name.replace('-', '_')}")
        assert module.command.name == name
    commands = {
        path.stem for path in FOLDER.glob("*.py") if "\n@click.command(" in path.read_text()
    }
    assert commands == {name.replace("-", "_") for name in COMMANDS}


def test_marking_kernels_does_not_import_numba() -> None:
    found = imported("import npusim.datapath.mac_uniform, npusim.simulator.execute.plain.mac")
    assert not found & NUMBA


def test_compiling_imports_no_numba(shapes: Path) -> None:
    found = imported(
        "from npusim.compiler.compile import compile_network",
        "from npusim.compiler.graph.nominal import nominal_network",
        "import npusim",
        f"network = nominal_network(npusim.load({str(shapes)!r}))",
        "compile_network(network, npusim.Machine.load('base'))",
    )
    assert {"onnx", "npusim.compiler"} <= found
    assert not found & (NUMBA | OTHERS | {"click", "rich", "npusim.simulator"})


def test_a_run_imports_the_machine_only_where_it_is_asked_for() -> None:
    found = imported("import npusim.cli.run, npusim.engines.engine, npusim.report.terminal")
    kernels = imported("import npusim.engines.kernels")
    assert not kernels & {"npusim.compiler", "npusim.isa", "npusim.simulator"}
    assert "npusim.engines.result" in found
    assert not found & (NUMBA | {"npusim.compiler", "npusim.isa", "npusim.simulator", "onnx"})


def test_an_estimate_imports_what_it_needs(shapes: Path) -> None:
    found = imported(command("estimate", shapes))
    assert {"npusim.compiler", "npusim.simulator.timing.timeline"} <= found
    assert not found & (NUMBA | OTHERS)  # a small program is timed by plain Python
