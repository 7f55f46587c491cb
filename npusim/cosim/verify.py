"""Verify a Verilog module against a unit's contract: ports, values, latency, traffic, coverage."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from npusim.cosim import harness, interface
from npusim.cosim.coverage import coverage
from npusim.cosim.design import Design
from npusim.cosim.errors import CosimulationError, Mismatch
from npusim.cosim.report import Fault, describe
from npusim.cosim.simulation import build, run
from npusim.cosim.traffic import Cycle, required_events, traffic
from npusim.cosim.vectors import inputs_of, outputs_of
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Parameters, Unit, Values


@dataclass(frozen=True)
class Verification:
    """What was driven and seen. It exists only where nothing differed."""

    unit: str
    module: str
    parameters: Parameters
    vectors: int
    """Different vectors driven; each was seen at the outputs at least once."""
    cycles: int
    checked: int
    """Cycles in which the outputs were compared bit by bit."""
    bins: Mapping[str, int] = field(default_factory=dict)
    """Coverage point -> number of hits."""


@dataclass(frozen=True)
class Image:
    """The stimulus of one verification: vectors, cycles, and the lines the harness reads."""

    vectors: tuple[tuple[Values, Values], ...]
    cycles: tuple[Cycle, ...]
    events: Counter[str]

    def lines(self, unit: Unit, parameters: Parameters, bench: harness.Harness) -> list[str]:
        """Return one hexadecimal line for each cycle."""
        in_words, out_words = [], []
        for inputs, outputs in self.vectors:
            in_words.append(_concatenate(unit.inputs, inputs, parameters))
            out_words.append(_concatenate(unit.outputs, outputs, parameters))
        in_bits, out_bits = bench.input_bits, bench.output_bits
        lines = []
        for cycle in self.cycles:
            control = (
                cycle.reset << 5
                | cycle.enable << 4
                | cycle.valid << 3
                | cycle.check_valid << 2
                | (cycle.out >= 0) << 1
                | cycle.check_data
            )
            word = (control << in_bits | in_words[cycle.vector]) << out_bits
            lines.append(f"{word | out_words[max(cycle.out, 0)]:x}\n")
        return lines


def _concatenate(ports: Sequence, values: Values, parameters: Parameters) -> int:
    word = 0
    for port in ports:
        word = word << port.total_width(parameters) | port.pack(values[port.name], parameters)
    return word


def make_image(
    unit: Unit, parameters: Parameters, wiring: Wiring, *, seed: int, vectors: int
) -> Image:
    """Return the stimulus that `seed` stands for: the same arguments give the same image."""
    rng = Random(f"{unit.name} {sorted(parameters.items())} {seed}")
    inputs = inputs_of(unit, parameters, vectors, rng, wiring)
    if not inputs:
        raise CosimulationError(f"{unit.name}: expected at least one vector, found none")
    pairs = tuple((values, outputs_of(unit, parameters, values)) for values in inputs)
    events: Counter[str] = Counter()
    cycles = tuple(traffic(len(pairs), unit.latency(parameters), wiring, rng, events))
    return Image(pairs, cycles, events)


def verify_module(
    unit: Unit,
    sources: Sequence[str | Path],
    *,
    module: str | None = None,
    wiring: Wiring | None = None,
    parameters: Parameters | None = None,
    contract_parameters: Parameters | None = None,
    latency_cycles: int | None = None,
    includes: Sequence[str | Path] = (),
    vectors: int = 100_000,
    seed: int | None = None,
    simulator: str = "icarus",
    waves: Path | None = None,
    require_coverage: bool | None = None,
    replay: str | None = None,
) -> Verification:
    """Compare a Verilog module with `unit` on many vectors, cycle by cycle, bit by bit.

    Parameters
    ----------
    unit
        The contract: one of npusim's (`npusim.datapath.<unit>.UNIT`) or your own.
    sources
        Verilog files, the module's and those it instantiates.
    module
        Name of the module; the unit's own where None.
    wiring
        How the module's ports map to the contract; npusim's own protocol where None.
    parameters
        Values for the module's Verilog parameters. For npusim's own modules they are the contract's
        parameters too, and every one of the contract is passed and read back.
    contract_parameters
        Parameters of the contract where the module has others: widths and golden values follow.
    latency_cycles
        The module's latency where it is not the unit's.
    vectors
        How many random vectors to draw; a smaller space is driven exhaustively.
    seed
        Seed of vectors and traffic; NPUSIM_SEED, else 1, where None.
    simulator
        `icarus` or `verilator`.
    waves
        File for the waveform (.fst from Icarus, .vcd from Verilator). Where None and
        NPUSIM_WAVES is set, <module>.fst in the current directory.
    require_coverage
        Fail on an empty coverage bin; where None, yes unless the wiring fixes or narrows a port.
    replay
        Command that repeats the run, for the report.

    Returns
    -------
    Verification
        Counts of vectors, cycles and coverage.

    Raises
    ------
    Mismatch
        The module differs from its contract, or a coverage point was not reached. The message holds
        the first difference: inputs, exact value, expected, found, cycle, seed, how to replay.
    CosimulationError
        The simulation could not be run.
    """
    __tracebackhide__ = True  # under pytest the message is the report
    wiring = wiring or Wiring()
    if latency_cycles is not None:
        unit = replace(unit, latency_cycles=latency_cycles)
    name = module or unit.module
    settings = {**unit.parameters, **(contract_parameters or {})}
    passed = dict(parameters or {})
    if module is None:
        settings |= passed
        passed = dict(settings)
    wiring.require(unit, settings)
    complete, unit = unit, wiring.narrow(unit)
    seed = int(os.environ.get("NPUSIM_SEED", "1")) if seed is None else seed
    if waves is None and os.environ.get("NPUSIM_WAVES"):
        waves = Path.cwd() / f"{name}.{'fst' if simulator == 'icarus' else 'vcd'}"
    files = tuple(Path(path).resolve() for path in sources)
    folders = tuple(Path(path).resolve() for path in includes)

    found = interface.elaborate(Design(name, files, passed, includes=folders))
    interface.require_parameters(found, passed)
    interface.require_interface(found, unit, wiring, settings)

    image = make_image(complete, settings, wiring, seed=seed, vectors=vectors)
    bins = coverage(unit, settings, image.vectors, wiring.fixed)
    bins |= {
        event: image.events[event] for event in required_events(unit.latency(settings), wiring)
    }

    bench = harness.generate(unit, name, passed, settings, wiring, dump=simulator == "icarus")
    with tempfile.TemporaryDirectory(prefix="npusim-") as temporary:
        place = Path(temporary)
        faults, answer = _simulate(
            unit,
            bench,
            image,
            settings,
            files,
            folders,
            found,
            place,
            simulator,
            waves,
            seed,
            passed,
        )
    if answer["cycles"] != len(image.cycles) or not answer["checked"]:
        raise CosimulationError(
            f"{name}: expected {len(image.cycles)} cycles to run, found {answer['cycles']} "
            f"({answer['checked']} outputs checked)"
        )
    if faults:
        raise Mismatch(
            describe(
                unit=unit,
                module=name,
                parameters=settings,
                vectors=image.vectors,
                cycles=image.cycles,
                faults=faults,
                fault_count=answer["faults"],
                checked=answer["checked"],
                seed=seed,
                replay=replay or _pytest_replay(seed),
            )
        )
    empty = [bin_name for bin_name, hits in bins.items() if not hits]
    needed = require_coverage
    if needed is None:
        needed = not wiring.fixed and not wiring.widths
    if empty and needed:
        raise Mismatch(
            f"{name}: {len(empty)} coverage points were not reached by {len(image.vectors)} "
            f"vectors: {'; '.join(empty)}"
        )
    return Verification(
        unit.name, name, settings, len(image.vectors), answer["cycles"], answer["checked"], bins
    )


def _pytest_replay(seed: int) -> str:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]
    return f"NPUSIM_SEED={seed} NPUSIM_WAVES=1 pytest {test}".rstrip()


def _simulate(
    unit: Unit,
    bench: harness.Harness,
    image: Image,
    settings: Parameters,
    files: tuple[Path, ...],
    folders: tuple[Path, ...],
    found: interface.Interface,
    place: Path,
    simulator: str,
    waves: Path | None,
    seed: int,
    passed: Parameters,
) -> tuple[list[Fault], dict[str, int]]:
    """Run the image; return the recorded faults and the counters that the simulator reported."""
    source = place / f"{harness.TOP}.v"
    source.write_text(bench.text)
    design = Design(harness.TOP, (source, *files), includes=folders)
    built = build(design, simulator=simulator, waves=waves is not None)
    with (place / "image.hex").open("w") as file:
        file.writelines(image.lines(unit, settings, bench))
    request = {
        "ports": {port.name: port.width_bits for port in found.ports},
        "parameters": dict(passed),
    }
    (place / "request.json").write_text(json.dumps(request))
    plusargs = ["+image=image.hex", "+report=faults.txt"]
    if waves is not None:
        plusargs.append("+waves=waves.fst")
    results = run(
        built,
        "npusim.cosim.contract_test",
        directory=place,
        seed=seed,
        environment={harness.REQUEST: str(place / "request.json")},
        plusargs=plusargs,
        waves=waves is not None,
        expected_tests=1,
    )
    answer = place / "answer.json"
    if results.failed or not answer.exists():
        lines = [line for line in results.log.splitlines() if "Error" in line]
        raise CosimulationError(f"{found.module}: {(lines or ['the bench did not finish'])[-1]}")
    if waves is not None:
        dump = place / ("waves.fst" if simulator == "icarus" else "dump.vcd")
        shutil.move(dump, waves)
    faults = []
    for line in (place / "faults.txt").read_text().splitlines():
        _, cycle, valid, *outputs = line.split()
        faults.append(Fault(int(cycle), valid, tuple(outputs)))
    return faults, json.loads(answer.read_text())
