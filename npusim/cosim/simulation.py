"""Build a design once, run cocotb tests on it, and believe only results that were counted.

A build lives in a directory named by a hash of top module, parameters, defines and the bytes of the
sources, so that it can never be stale: Icarus is not rebuilt by cocotb when only parameters change.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from npusim.cosim import toolchain
from npusim.cosim.design import Design
from npusim.cosim.errors import CosimulationError
from npusim.cosim.kept import CHECKSUMS, kept

TIMESCALE = ("1ns", "1ps")

_BUILD_ARGUMENTS = {
    "icarus": ["-Wall", "-Wno-timescale"],
    "verilator": ["--timing", "-Wno-fatal", "-Wno-WIDTH", "--assert"],
}


@dataclass(frozen=True)
class Built:
    """A design that has been compiled."""

    design: Design
    simulator: str
    directory: Path


@dataclass(frozen=True)
class Results:
    """What the cocotb tests of one run reported."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    log: str


def build(design: Design, *, simulator: str = "icarus", waves: bool = False) -> Built:
    """Compile `design`, or find the compilation that an earlier call left.

    Parameters
    ----------
    simulator
        `icarus` or `verilator`.
    waves
        Compile Verilator's tracing in (Icarus always can).

    Raises
    ------
    CosimulationError
        A tool or a source is missing, or the design does not compile: the tool's first error is in
        the message.
    """
    toolchain.require(simulator)
    design.require_sources()
    trace = waves and simulator == "verilator"
    # a simulation that Verilator built loads cocotb's libraries from this environment
    key = design.key(simulator, "traced" if trace else "", sys.prefix, CHECKSUMS)
    directory = kept(f"{design.top}-{key}", lambda place: _compile(design, simulator, trace, place))
    return Built(design, simulator, directory)


def _compile(design: Design, simulator: str, trace: bool, folder: Path) -> None:
    log = folder / "build.log"
    try:
        with toolchain.environment(simulator):
            _runner(simulator).build(
                sources=[path.resolve() for path in design.sources],
                includes=[path.resolve() for path in design.includes],
                defines=dict(design.defines),
                parameters=dict(design.parameters),
                hdl_toplevel=design.top,
                build_args=_BUILD_ARGUMENTS[simulator],
                waves=trace,
                build_dir=folder,
                always=True,
                timescale=TIMESCALE,
                log_file=log,
            )
    except (SystemExit, Exception) as error:
        raise CosimulationError(f"{design.top}: {_first_error(log) or error}") from None


def run(
    built: Built,
    test_module: str,
    *,
    directory: Path | None = None,
    seed: int = 1,
    environment: Mapping[str, str] | None = None,
    plusargs: Sequence[str] = (),
    waves: Literal["", ".fst", ".vcd"] = "",
    expected_tests: int | None = None,
) -> Results:
    """Run the cocotb tests of `test_module` on `built`.

    Parameters
    ----------
    test_module
        Dotted name of an importable module of cocotb tests.
    directory
        Working directory of the simulation; a temporary one where None.
    waves
        Format of the waveforms that the simulator writes (by the bench's $dumpvars, or Verilator's
        tracing); none where empty.
    expected_tests
        How many tests must have reported; at least one where None.

    Returns
    -------
    Results
        Names of the tests that passed and failed, and the log.

    Raises
    ------
    CosimulationError
        The simulator died, or fewer tests reported than expected.
    """
    with tempfile.TemporaryDirectory(prefix="npusim-") as temporary:
        place = directory or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        results, log = place / "results.xml", place / "simulation.log"
        results.unlink(missing_ok=True)
        is_vcd = built.simulator == "icarus" and waves == ".vcd"
        with toolchain.environment(built.simulator):
            try:
                _runner(built.simulator, vcd=is_vcd).test(
                    test_module=test_module,
                    hdl_toplevel=built.design.top,
                    hdl_toplevel_lang="verilog",
                    build_dir=built.directory,
                    test_dir=place,
                    results_xml=str(results.resolve()),
                    seed=seed,
                    extra_env={"COCOTB_TRUST_INERTIAL_WRITES": "0", **(environment or {})},
                    plusargs=list(plusargs),
                    waves=bool(waves) and not is_vcd,
                    log_file=log,
                )
            except SystemExit:
                pass  # counted below
        text = log.read_text(errors="replace") if log.exists() else ""
        return _count(built.design.top, results, text, expected_tests)


def _runner(simulator: str, *, vcd: bool = False) -> Any:
    from cocotb_tools.runner import Icarus, get_runner

    class VcdIcarus(Icarus):
        """cocotb's runner lets Icarus write FST or nothing."""

        def _test_command(self) -> Any:
            commands = super()._test_command()
            return [["-vcd" if a == "-none" else a for a in command] for command in commands]

    runner = VcdIcarus() if vcd else get_runner(simulator)
    runner.log.setLevel(logging.CRITICAL)  # what matters is raised, with the tool's own message
    return runner


def _count(top: str, results: Path, log: str, expected: int | None) -> Results:
    tail = " | ".join(log.strip().splitlines()[-3:])
    if not results.exists():
        raise CosimulationError(f"{top}: the simulation left no results: {tail}")
    passed: list[str] = []
    failed: list[str] = []
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        bad = case.find("failure") is not None or case.find("error") is not None
        if case.find("skipped") is None:
            (failed if bad else passed).append(name)
    ran = len(passed) + len(failed)
    if ran == 0 or (expected is not None and ran != expected):
        wanted = "at least 1 test" if expected is None else f"{expected} tests"
        raise CosimulationError(f"{top}: expected {wanted} to run, found {ran}: {tail}")
    return Results(tuple(passed), tuple(failed), log)


def _first_error(log: Path) -> str:
    """Return the line of a build log that tells a designer what is wrong."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    for line in lines:
        if "error" in line.lower():
            return line.strip()
    return lines[-1].strip() if lines else ""
