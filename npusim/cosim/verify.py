"""Verify a Verilog module against a unit's contract: ports, values, latency, traffic, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from npusim.cosim.errors import CosimulationError, CoverageGap, Mismatch
from npusim.cosim.examine import Task, examine
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
    unreachable: Sequence[str] = (),
    require_coverage: bool = True,
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
    unreachable
        Coverage points, by name, that your module's fixed values or widths rule out: they must
        stay empty.
    require_coverage
        Whether an empty coverage bin fails the verification.
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
    task = Task.of(
        unit, sources, module=module, wiring=wiring, parameters=parameters,
        contract_parameters=contract_parameters, latency_cycles=latency_cycles, includes=includes,
        simulator=simulator,
    )  # fmt: skip
    found = examine(task, vectors=vectors, seed=seed, waves=waves, replay=replay)
    report = found.report()
    if report is not None:
        raise Mismatch(report)
    bins, driven = reachable(found.bins, unreachable, task.module), len(found.image.vectors)
    empty = [bin_name for bin_name, hits in bins.items() if not hits]
    if empty and require_coverage:
        raise CoverageGap(
            f"{task.module}: coverage points not reached by {driven} vectors, {len(empty)}; "
            "drive more, or name in `unreachable` what your module's fixed values and widths rule "
            f"out: {'; '.join(empty)}"
        )
    return Verification(
        unit.name, task.module, task.settings, driven, found.outcome.cycles,
        found.outcome.checked, bins,
    )  # fmt: skip


def reachable(bins: Mapping[str, int], unreachable: Sequence[str], module: str) -> dict[str, int]:
    """Return `bins` without those that were said to be unreachable, and are."""
    for name in unreachable:
        if name not in bins:
            raise CosimulationError(
                f"{module}: unreachable: expected coverage points of {'; '.join(bins)}, "
                f"found {name}"
            )
        if bins[name]:
            raise CosimulationError(
                f"{module}: unreachable: {name} was reached by {bins[name]} vectors"
            )
    return {name: hits for name, hits in bins.items() if name not in unreachable}
