"""Repeated runs of programs that read what they have not written: every run finds zeros there."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from npusim.cosim.programs.programs import random_program
from npusim.cosim.programs.undefined import undefined_read
from npusim.errors import FormatError
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.simulator.execute.prepared_run import PreparedRun
from npusim.simulator.execute.unwritten import unwritten_reads
from npusim.simulator.run import load_image, run_step, step_code
from npusim.simulator.timing.timeline import Timeline, time_code


def spoilt(program: Program, rng: random.Random) -> Program:
    """Return `program` with all MACs adding to ACC, or without an instruction that writes ACT."""
    code = program.instructions
    if rng.random() < 0.5:
        left = [replace(one, values={**one.values, "accumulate": 1}) if one.name == "MAC" else one
                for one in code]  # fmt: skip
    else:
        gone = rng.choice([i for i, one in enumerate(code) if one.name in ("LD", "RQ", "VEC")])
        left = [*code[:gone], *code[gone + 1 :]]
    step = replace(program.steps[0], count=len(left))
    return replace(program, instructions=tuple(left), steps=(step,), layers=())


def timed(program: Program) -> Timeline | None:
    """Return the run of `program`; None where it waits for ever or ends by a fault."""
    code, bases = step_code(program, program.steps[0]), program.region_addresses()
    try:
        timeline = time_code(code, program.machine, bases)
    except FormatError:
        return None
    return None if timeline.faults else timeline


def test_what_no_run_has_written_is_zero_in_each() -> None:
    machine, met = Machine.load("nano"), set()
    for seed in range(60):
        rng = random.Random(seed)
        whole, _ = random_program(rng, machine, 6)
        for program in (whole, spoilt(whole, rng)):
            timeline = timed(program)
            if timeline is None:
                continue
            bases, dram = program.region_addresses(), load_image(program)
            used = bases[-1] + program.regions[-1].size_bytes
            run = PreparedRun(timeline, bases, dram, (0, len(dram)))
            for _ in range(3):
                expected = dram[:used].copy()
                once = run_step(program, program.steps[0], expected, trace=False)
                run.run()
                assert np.array_equal(dram[:used], expected), f"seed {seed}"
                assert np.array_equal(run.state.act, once.state.act), f"seed {seed}"
                assert np.array_equal(run.state.acc, once.state.acc), f"seed {seed}"
            if run.table is not None:
                nests = run.executor.nests
                found = unwritten_reads(nests, timeline.columns, run.pcs, machine) - {"table"}
                is_undefined = " ACT " in undefined_read(timeline)
                assert not (program is whole and found), f"seed {seed}"
                assert "ACT" in found or not is_undefined, f"seed {seed}"
                met |= found
    assert met == {"ACT", "ACC"}
