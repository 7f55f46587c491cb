"""Run a program's code on the machine in Verilog, in its deterministic memory."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npusim.cosim import toolchain
from npusim.cosim.errors import CosimulationError
from npusim.cosim.npu.build import Simulation, build
from npusim.cosim.npu.parameters import expected_registers, require_parameters
from npusim.isa.registers import CONTROL
from npusim.isa.spec import ENGINES, INSTRUCTION_BYTES, REGION_COUNT
from npusim.machines import Machine
from npusim.simulator.timing.dram import timing_of

EVENT_ORDER = ("issue", "stall", "fault", "retire")
_NAMES = {register.index: register.name for register in CONTROL}
_SETTINGS = {"program_base": "base", "program_length": "length"}
_WRITTEN = (*_SETTINGS, "start", "interrupt_enable", *(f"region{i}" for i in range(REGION_COUNT)))


@dataclass(frozen=True, eq=False)
class RtlRun:
    """What a run of the RTL left behind.

    Attributes
    ----------
    dram
        uint8 [bytes that were given], afterwards; as given where the run ended by a fault.
    trace
        Lines of the event trace, sorted as docs/architecture.md, section 6, says.
    registers
        Control registers by name, read over AXI4-Lite.
    printed
        Lines of its standard output.
    """

    dram: NDArray[np.uint8]
    trace: tuple[str, ...]
    registers: dict[str, int]
    printed: tuple[str, ...] = ()


def run_code(
    code: bytes,
    machine: Machine,
    dram: NDArray[np.uint8],
    bases: Sequence[int],
    code_address: int,
    *,
    simulator: str = "icarus",
    cycles_most: int = 1_000_000_000,
    waves: Path | None = None,
    reset_seed: int | None = None,
) -> RtlRun:
    """Run `code` from `code_address` of a DRAM that begins with the bytes `dram`.

    Parameters
    ----------
    dram
        uint8 [bytes]; what lies behind it in the memory is 0 and may not be touched.
    bases
        Byte address of each region.
    cycles_most
        A run that takes longer is an error.
    waves
        File for the waveform; its name says which format (toolchain.WAVES).
    reset_seed
        On Verilator, of what memories and registers hold before anything is written; the memory's
        seed where None. On Icarus it is X.

    Raises
    ------
    CosimulationError
        A tool is missing, the machine is not what it should be, or the run does not end.
    """
    toolchain.require_waves(simulator, waves)
    simulation = build(machine, simulator, code_address + len(code), waves=waves is not None)
    return run_on(
        simulation, code, machine, dram, bases, code_address, cycles_most, waves=waves,
        reset_seed=reset_seed,
    )  # fmt: skip


def run_on(
    simulation: Simulation,
    code: bytes,
    machine: Machine,
    dram: NDArray[np.uint8],
    bases: Sequence[int],
    code_address: int,
    cycles_most: int,
    plusargs: Sequence[str] = (),
    waves: Path | None = None,
    reset_seed: int | None = None,
    instructions_before: int = 0,
    after_reset: Mapping[str, int] | None = None,
) -> RtlRun:
    """As `run_code`, on a simulation that has been built.

    `instructions_before`, `after_reset`: of a machine whose first instruction has this number, and
    whose registers begin with these values, instead of 0.
    """
    bus = machine.bus.bus_bytes
    length = len(code) // INSTRUCTION_BYTES + instructions_before
    memory = machine.memory
    stored = code if code_address < memory.size_bytes else b""
    end = code_address + len(code) if stored else 0
    image = np.zeros(-(-max(len(dram), end, 1) // bus) * bus, np.uint8)
    image[: len(dram)] = dram
    image[end - len(stored) : end] = np.frombuffer(stored, np.uint8)
    settings = {
        "base": code_address, "length": length, "lfsr": int(memory.model == "lfsr"),
        "seed": memory.seed, "latency": memory.latency_cycles, "size": memory.size_bytes,
        "outstanding": memory.outstanding, "dump_words": len(image) // bus,
        "cycles_most": cycles_most, "pattern": memory.seed << 12 | 1,
    }  # fmt: skip
    settings |= {f"dram_{key}": value for key, value in timing_of(machine)._asdict().items()}
    for region in range(REGION_COUNT):
        settings[f"region{region}"] = bases[region] if region < len(bases) else 0
    with tempfile.TemporaryDirectory(prefix="npusim-") as folder:
        place = Path(folder)
        write_hex(place / "image.hex", image, bus)
        arguments = [f"+{key}={value}" for key, value in settings.items()]
        if simulation.simulator == "verilator":  # what nobody resets begins with a random value
            seed = memory.seed if reset_seed is None else reset_seed
            arguments += ["+verilator+rand+reset+2", f"+verilator+seed+{seed}"]
        elif waves is not None:
            fst = ["-fst"] if waves.suffix == ".fst" else []
            arguments = [*fst, *arguments, "+waves"]
        done = subprocess.run(
            [*simulation.command, *arguments, *plusargs],
            cwd=place, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = [
            line for line in (done.stdout + done.stderr).splitlines() if line.startswith("npu_")
        ]
        if done.returncode or said or not (place / "dump.hex").exists():
            lines = said or (done.stdout + done.stderr).splitlines()[-1:]
            message = lines or [f"it ended with code {done.returncode}, without a message"]
            raise CosimulationError(f"RTL on {simulation.simulator}: {message[0]}")
        before, registers = _sweeps(place / "result.txt")
        trace = (place / "trace.txt").read_text().splitlines()
        if waves is not None:
            written = "waves.fst" if simulation.simulator == "icarus" else "waves.vcd"
            shutil.move(place / written, waves)
        after = dram if registers["fault"] else read_hex(place / "dump.hex", bus)[: len(dram)]
    last = {**settings, "interrupt_enable": 1, "start": 0}
    _require(registers, machine, {name: last[_SETTINGS.get(name, name)] for name in _WRITTEN})
    nothing = dict.fromkeys(registers, 0)
    patterns = {name: _pattern(name, settings["pattern"]) for name in _WRITTEN}
    others = after_reset or {}
    _require(before, machine, {**nothing, **expected_registers(machine), **patterns, **others})
    return RtlRun(after, in_order(trace), registers, tuple(done.stdout.splitlines()))


def write_hex(path: Path, data: NDArray[np.uint8], bus_bytes: int) -> None:
    """Write `data` for $readmemh: one beat of `bus_bytes` bytes a line, little-endian."""
    text = data.reshape(-1, bus_bytes)[:, ::-1].tobytes().hex()
    digits = 2 * bus_bytes
    lines = [text[i : i + digits] for i in range(0, len(text), digits)]
    path.write_text("\n".join(lines) + "\n")


def read_hex(path: Path, bus_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes of a $writememh file; lines of comment or address are skipped."""
    lines = [line for line in path.read_text().splitlines() if line[0] not in "/@"]
    if any("x" in line for line in lines):
        place = next(i for i, line in enumerate(lines) if "x" in line)
        raise CosimulationError(
            f"RTL: DRAM byte {place * bus_bytes}: expected a value, found {lines[place]}"
        )
    beats = np.frombuffer(bytes.fromhex("".join(lines)), np.uint8).reshape(-1, bus_bytes)
    return np.ascontiguousarray(beats[:, ::-1]).reshape(-1)


def _sweeps(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Return the registers by name before and after the run; every other address holds 0."""
    pairs = [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
    for address, value in pairs:
        if value and address not in _NAMES:
            raise CosimulationError(f"RTL: address {address:#04x}: expected 0, found {value:#x}")
    half = len(pairs) // 2
    named = [
        {_NAMES[a]: v for a, v in part if a in _NAMES} for part in (pairs[:half], pairs[half:])
    ]
    return named[0], named[1]


def _pattern(name: str, pattern: int) -> int:
    """Return what the host leaves in a register before it sets it: rtl/sim/npu_host.v."""
    word = next(index for index, found in _NAMES.items() if found == name) // 4
    kept = {"interrupt_enable": 1, "start": 0}.get(name, 0xFFFF_FFFF)
    return pattern * (2 * word + 1) & kept


def _require(found: dict[str, int], machine: Machine, expected: Mapping[str, int]) -> None:
    """Raise where a register of `expected` or of those that identify `machine` is another."""
    require_parameters(machine, found)
    for name, value in expected.items():
        if found[name] != value:
            raise CosimulationError(
                f"RTL: register {name}: expected {value:#x}, found {found[name]:#x}"
            )


def in_order(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of a trace, sorted as docs/architecture.md, section 6, says."""
    return tuple(sorted(lines, key=_key))


def _key(line: str) -> tuple[int, int, int]:
    cycle, engine, _, event, _ = line.split()
    return int(cycle), ENGINES.index(engine), EVENT_ORDER.index(event.partition(":")[0])
