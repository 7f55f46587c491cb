"""Verify RTL: a unit against its page, a program or a network against the simulator."""

from __future__ import annotations

from pathlib import Path

from npusim.arguments import require_count, require_one_of, require_type
from npusim.cosim import Mismatch, Verification, toolchain
from npusim.cosim.npu.compare import Comparison, compare_code
from npusim.cosim.npu.placement import placed, turned
from npusim.cosim.units import load_unit
from npusim.cosim.verify_unit import verify_unit
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network, random_inputs
from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.simulator.run import step_code
from npusim.words import SIMULATORS


def verify(
    target: str | Network | Program,
    *,
    machine: str | Machine | None = None,
    requant: str = "auto",
    simulator: str | None = None,
    seed: int = 1,
    vectors: int = 100_000,
    waves: str | Path | None = None,
) -> tuple[Verification, ...] | tuple[Comparison, ...]:
    """Run `target` in Verilog and in Python, and compare every bit and every cycle.

    Parameters
    ----------
    target
        The name of a datapath unit; a network, compiled and run on one random input; or a program,
        run from its own DRAM image.
    machine
        Of a network, `base` where None; of a program in place of its own.
    requant
        Of a network, as in `npusim.run`.
    simulator
        `icarus` or `verilator`; where None, Icarus for a unit and Verilator for the others.
    seed, vectors
        Of the random stimulus, and how many vectors a unit gets.
    waves
        File for the waveform, .vcd, or .fst on Icarus.

    Returns
    -------
    tuple
        What was compared: one Verification for each parameter set of a unit, one Comparison for
        each run of a program.

    Raises
    ------
    Mismatch
        The two differ; the message is a report of the first difference.
    CosimulationError
        There is no such unit, a simulator is missing, or the RTL cannot be run.
    UnsupportedError
        A program needs the host between two runs.
    """
    require_type("target", target, str, Network, Program)
    require_one_of("simulator", simulator or SIMULATORS[0], SIMULATORS)
    require_count("vectors", vectors)
    dump = None if waves is None else Path(waves)
    chosen = simulator or ("icarus" if isinstance(target, str) else "verilator")
    toolchain.require(chosen)
    if isinstance(target, str):
        return verify_unit(
            load_unit(target), seed=seed, vectors=vectors, simulator=chosen, waves=dump
        )
    if isinstance(target, Program):
        other = None if machine is None else Machine.of(machine)
        found = compare_program(target, other, simulator=chosen, waves=dump)
    else:
        compiled = MachineNetwork(target, Machine.of(machine or "base"), requant)
        inputs = random_inputs(compiled.given, seed)
        found = compare_network(compiled, inputs, simulator=chosen, waves=dump)
    for run in found:
        if run.difference:
            raise Mismatch(f"{target.name}: {run.difference}")
    return tuple(found)


def compare_program(
    program: Program,
    machine: Machine | None = None,
    *,
    simulator: str = "verilator",
    waves: Path | None = None,
) -> list[Comparison]:
    """Return each run of `program` on both sides, from the program's own DRAM image.

    Parameters
    ----------
    machine
        The program's machine with another memory; the program's own where None.
    waves
        File for the waveform of a program of one run: .vcd, or .fst on Icarus.

    Raises
    ------
    UnsupportedError
        The program needs the host between two runs.
    CosimulationError
        The RTL cannot be run.
    """
    hosts = [step.node for step in program.steps if step.kind != "run"]
    if hosts:
        raise UnsupportedError(
            f"{program.name}: expected a program of the machine alone, it needs the host for "
            f"{hosts[0]}; verify the model instead"
        )
    if waves is not None and len(program.steps) != 1:
        raise UnsupportedError(
            f"--waves: expected one run, {program.name} has {len(program.steps)}"
        )
    dram, addresses, code_address = placed(program, machine)
    machine = machine or program.machine
    compared = []
    for step in program.steps:
        code, regions = turned(step_code(program, step), addresses, machine)
        compared.append(
            compare_code(
                code, machine, dram, regions, code_address, simulator=simulator, waves=waves
            )
        )
    return compared
