"""`npusim verify`: which kind of thing is to be verified, and on which machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from npusim.cli.outputs import require_writable
from npusim.machines import Machine

PROGRAM_SUFFIX = ".npu"
MODEL_SUFFIXES = (".onnx", ".tflite")
RANDOM_MACHINE = "nano"
MODEL_MACHINE = "base"


def verify_targets(
    targets: Sequence[str],
    *,
    every: bool,
    random_count: int | None,
    machine: str | None,
    memory: str | None,
    latency: int | None,
    seed: int,
    vectors: int,
    simulator: str,
    waves: Path | None,
) -> int:
    """Verify what the command line names; return its exit code."""
    programs = [name for name in targets if name.endswith(PROGRAM_SUFFIX)]
    models = [name for name in targets if name.endswith(MODEL_SUFFIXES)]
    if (every, random_count is not None, bool(targets)).count(True) != 1:
        raise click.UsageError(
            "expected the names of units, a network, a program, --all or --random N"
        )
    require_writable(waves)
    if random_count is not None:
        from npusim.cli.verify_program import verify_random

        if waves is not None:
            raise click.UsageError(
                "--waves: expected one unit, network or program, found --random; "
                "a program that differs is saved to be verified alone"
            )
        described = described_machine(machine or RANDOM_MACHINE, memory, latency)
        fixed = memory is not None or latency is not None
        return verify_random(
            random_count, described, simulator=simulator, seed=seed, any_memory=not fixed
        )
    if programs:
        from npusim.cli.verify_program import verify_program

        if len(targets) > 1:
            raise click.UsageError(f"expected one program, found {len(targets)} names")
        path = Path(programs[0])
        chosen = None
        if machine is not None or memory is not None or latency is not None:
            from npusim.isa.program import Program

            own = Program.load(path).machine
            chosen = described_machine(machine or own, memory, latency)
        return verify_program(path, machine=chosen, simulator=simulator, waves=waves)
    if models:
        from npusim.cli.verify_program import verify_model

        if len(targets) > 1:
            raise click.UsageError(f"expected one network, found {len(targets)} names")
        described = described_machine(machine or MODEL_MACHINE, memory, latency)
        return verify_model(Path(models[0]), described, simulator=simulator, seed=seed, waves=waves)
    from npusim.cli.verify import verify_units

    return verify_units(targets, seed=seed, waves=waves, simulator=simulator, vectors=vectors)


def described_machine(machine: str | Machine, memory: str | None, latency: int | None) -> Machine:
    """Return the machine, with another memory model or latency where they are given."""
    result = Machine.load(machine) if isinstance(machine, str) else machine
    port = result.memory
    if memory is not None:
        port = replace(port, model=memory)
    if latency is not None:
        port = replace(port, latency_cycles=latency)
    return replace(result, memory=port)
