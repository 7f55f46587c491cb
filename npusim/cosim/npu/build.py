"""Compile rtl/sim/npu_system.v for a Machine: Icarus or Verilator, kept until a source changes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from npusim.cosim import toolchain
from npusim.cosim.design import Design
from npusim.cosim.errors import CosimulationError
from npusim.cosim.kept import CHECKSUMS, kept
from npusim.cosim.units import rtl_directory
from npusim.machines import Machine

MEMORY_STEPS_BYTES = (1 << 20, 1 << 23, 1 << 26, 1 << 28, 1 << 30)
"""Sizes of the array that stands for DRAM: a few, so that few builds serve all programs."""

_BENCH = {"icarus": "npu_bench", "verilator": "npu_system"}
_FLAGS = {
    "icarus": ("-g2012", "-Wno-timescale"),
    "verilator": (
        "--cc", "--exe", "--build", "-O3", "--x-assign", "fast", "--x-initial", "unique",
        "--noassert", "-Wno-fatal", "-Wno-lint", "-j", "2", "-CFLAGS", "-O2",
    ),
}  # fmt: skip
"""Verilator has two values: a register that nobody resets begins with a random one (run.py)."""


@dataclass(frozen=True)
class Simulation:
    """A machine that has been compiled."""

    machine: Machine
    simulator: str
    memory_bytes: int
    command: tuple[str, ...]
    """Runs it in the current directory; plus arguments follow."""


def machine_sources(rtl: Path) -> tuple[Path, ...]:
    """Return the files of the machine in `rtl`, by level."""
    listed = [line.strip() for line in (rtl / "files.f").read_text().splitlines()]
    return tuple(rtl / line for line in listed if line and not line.startswith("#"))


def design(machine: Machine, simulator: str, memory_bytes: int) -> Design:
    """Return the sources and parameters of `machine` with `memory_bytes` of DRAM array."""
    rtl = rtl_directory()
    bench = sorted((rtl / "sim").glob("*.v"))
    if simulator == "verilator":
        bench = [path for path in bench if path.stem != "npu_bench"] + [rtl / "sim/npu_main.cpp"]
    return Design(
        _BENCH[simulator],
        (*machine_sources(rtl), *bench),
        {**machine.parameters, "MEMORY_BYTES": memory_bytes},
        includes=(rtl, rtl / "generated"),
    )


def build(
    machine: Machine, simulator: str, needed_bytes: int, *, waves: bool = False
) -> Simulation:
    """Return the compiled machine with a DRAM array of at least `needed_bytes`.

    Parameters
    ----------
    waves
        Compile Verilator's tracing in (Icarus always can).

    Raises
    ------
    CosimulationError
        The tool is missing, or the design does not compile.
    """
    memory_bytes = next((size for size in MEMORY_STEPS_BYTES if size >= needed_bytes), None)
    if memory_bytes is None:
        raise CosimulationError(
            f"RTL: expected at most {MEMORY_STEPS_BYTES[-1]} bytes of DRAM, found {needed_bytes}"
        )
    trace = ("--trace",) if waves and simulator == "verilator" else ()
    command = command_of(design(machine, simulator, memory_bytes), simulator, trace)
    return Simulation(machine, simulator, memory_bytes, command)


def command_of(wanted: Design, simulator: str, flags: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return what runs `wanted`, compiled now or by an earlier call; raises as `build` does."""
    toolchain.require(simulator)
    wanted.require_sources()
    key = wanted.key(simulator, *_FLAGS[simulator], *flags, CHECKSUMS)
    final = kept(
        f"{wanted.top}-{key}", lambda folder: compile_design(wanted, simulator, folder, flags)
    )
    program = final / ("npu.vvp" if simulator == "icarus" else "Vnpu_system")
    return ("vvp", "-n", str(program)) if simulator == "icarus" else (str(program),)


def compile_design(
    wanted: Design, simulator: str, folder: Path, flags: tuple[str, ...] = ()
) -> None:
    """Compile `wanted` into `folder`: npu.vvp or Vnpu_system; `flags`: more for the compiler."""
    (_icarus if simulator == "icarus" else _verilator)(wanted, folder, flags)


def _icarus(wanted: Design, folder: Path, flags: tuple[str, ...]) -> None:
    command = ["iverilog", *_FLAGS["icarus"], *flags, "-s", wanted.top]
    command += ["-o", str(folder / "npu.vvp"), *(f"-I{path}" for path in wanted.includes)]
    command += [f"-P{wanted.top}.{key}={value}" for key, value in wanted.parameters.items()]
    _run([*command, *map(str, wanted.sources)], wanted.top)


def _verilator(wanted: Design, folder: Path, flags: tuple[str, ...]) -> None:
    command = ["verilator", *_FLAGS["verilator"], *flags, "--top-module", wanted.top]
    command += ["--Mdir", str(folder), "-o", "Vnpu_system"]
    command += [f"-I{path}" for path in wanted.includes]
    command += [f"-G{key}={value}" for key, value in wanted.parameters.items()]
    with toolchain.environment("verilator"):
        _run([*command, *map(str, wanted.sources)], wanted.top)
    for path in folder.iterdir():
        if path.name != "Vnpu_system":
            path.unlink()


def _run(command: list[str], top: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        wrong = [line for line in lines if "error" in line.lower()] or lines or ["no message"]
        raise CosimulationError(f"{top}: {wrong[0].strip()}")
