"""Verify a Verilog module against a unit's contract: ports, values, latency, traffic, coverage."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from npusim.cosim import interface
from npusim.cosim.bench import Bench, make_image
from npusim.cosim.coverage import coverage
from npusim.cosim.design import Design
from npusim.cosim.errors import CosimulationError, CoverageGap, Mismatch
from npusim.cosim.report import describe
from npusim.cosim.traffic import required_events
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Parameters, Unit


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
    CoverageGap
        Nothing differs, but a coverage point was not reached.
    Mismatch
        The module differs from its contract. The message holds
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
    events = required_events(unit.latency(settings), wiring)
    bins |= {event: image.events[event] for event in events}

    bench = Bench(unit, name, files, settings, wiring, passed, folders)
    outcome = bench.simulate(image, simulator=simulator, waves=waves, seed=seed)
    if outcome.cycles != len(image.cycles) or not outcome.checked:
        raise CosimulationError(
            f"{name}: expected {len(image.cycles)} cycles to run, found {outcome.cycles} "
            f"({outcome.checked} outputs checked)"
        )
    if outcome.fault_count:
        raise Mismatch(
            describe(
                unit=unit,
                module=name,
                parameters=settings,
                vectors=image.vectors,
                cycles=image.cycles,
                faults=outcome.faults,
                fault_count=outcome.fault_count,
                checked=outcome.checked,
                seed=seed,
                replay=replay or _pytest_replay(seed),
            )
        )
    empty = [bin_name for bin_name, hits in bins.items() if not hits]
    needed = require_coverage
    if needed is None:
        needed = not wiring.fixed and not wiring.widths
    if empty and needed:
        raise CoverageGap(
            f"{name}: {len(empty)} coverage points were not reached by {len(image.vectors)} "
            f"vectors, drive more: {'; '.join(empty)}"
        )
    return Verification(
        unit.name, name, settings, len(image.vectors), outcome.cycles, outcome.checked, bins
    )


def _pytest_replay(seed: int) -> str:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]
    return f"NPUSIM_SEED={seed} NPUSIM_WAVES=1 pytest {test}".rstrip()
