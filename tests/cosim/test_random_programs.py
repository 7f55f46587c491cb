"""Random programs: what the checker says of them, how they end, what a failing one shrinks to."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from npusim.cosim.npu import compare
from npusim.cosim.npu.placement import addresses_of, turned
from npusim.cosim.npu.random_runs import BAD_SHARE, SNIPPETS_MOST, random_memory, random_runs
from npusim.cosim.programs.bad import bad_program, bad_recipe
from npusim.cosim.programs.dram import MULTIPLIERS, Dram
from npusim.cosim.programs.mutations import mutate
from npusim.cosim.programs.programs import assembly, random_program, recipe, shrink
from npusim.cosim.programs.undefined import undefined_read
from npusim.datapath.requantize_float import requantize_float
from npusim.errors import NpuError
from npusim.isa.assembly import assemble
from npusim.isa.check import check
from npusim.isa.encoding import encode_program
from npusim.isa.instructions import FORMATS
from npusim.isa.spec import FAULTS
from npusim.machines import Machine
from npusim.simulator.run import load_image, run_code, run_step
from npusim.simulator.timing.timeline import time_code

MACHINES = ["nano", "small", "base", "wide"]


@pytest.mark.parametrize("name", MACHINES)
def test_good_programs_pass_the_checker_and_halt(name):
    machine, names = Machine.load(name), Counter()
    for seed in range(60 if name == "nano" else 15):
        program, regions = random_program(random.Random(seed), machine, 12)
        check(program.instructions, machine, [len(image) for image in regions])
        run = run_step(program, program.steps[0], load_image(program))
        assert run.timeline.fault is None
        assert run.timeline.halt_code == program.instructions[-1]["code"]
        names.update(item.name for item in program.instructions)
    assert names.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", MACHINES)
def test_bad_programs_fault_as_they_were_made_to(name):
    machine, causes = Machine.load(name), set()
    for seed in range(150 if name == "nano" else 40):
        bad = bad_program(random.Random(seed), machine, 3)
        program = bad.program
        run = run_code(bad.code, machine, load_image(program), program.region_addresses())
        fault = run.timeline.fault
        assert fault is not None, seed
        assert (fault.cause, fault.engine) == (bad.cause, bad.engine), seed
        assert run.timeline.cycles == fault.cycle + 1
        assert run.timeline.halt_code is None
        assert max(event.cycle for event in run.events) == fault.cycle
        causes.add((bad.cause, bad.engine))
        if bad.cause not in ("opcode", "axi"):  # those are not in the instructions
            with pytest.raises(NpuError):
                check(program.instructions, machine)
    if name == "nano":
        assert {cause for cause, _ in causes} == set(FAULTS[1:])


def test_float32_scales_bring_sums_near_the_outputs():
    machine = Machine.load("nano").with_({"array.fp32_requantizer": 1})
    dram, rng = Dram(machine, random.Random(1)), random.Random(2)
    dram.add_parameters(1, 50, rng, is_float=True)
    words = np.frombuffer(bytes(dram.parameters), "<i4").reshape(50, 4, machine.size)
    bias, scale = words[:, 0].reshape(-1), words[:, 3].reshape(-1)
    assert 0 < scale.min()
    assert scale.max() < MULTIPLIERS
    results = Counter()
    for value, bits in zip(bias.tolist(), scale.tolist(), strict=True):
        acc = rng.randint(-abs(value), abs(value))
        results[requantize_float(acc, value, bits, 0, -128, 127)] += 1
    assert len(results) > 60


READS_WHAT_NOBODY_WROTE = """
CFG engine=EP index=vec_ky vec_ky.count=1 vec_x.count=1 vec_y.count=1
CFG engine=EP index=vec_b vec_b.count=1
CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=1
FENCE
VEC op=table read_banks=0x1
CFG engine=ST index=63
CFG engine=ST index=63 value0=0x1
HALT
"""


def test_a_read_of_what_nobody_wrote_is_named():
    machine = Machine.load("nano")
    timeline = time_code(encode_program(assemble(READS_WHAT_NOBODY_WROTE)), machine)
    assert timeline.fault is None
    assert undefined_read(timeline) == "pc 4 (VEC): reads ACT word 0, never written"


NARROW = """name = "narrow"
[array]
size = 32
formats = ["uniform8", "uniform4", "subset", "pwlq"]
pwlq_bits = 2
[scratchpads]
act_banks = 8
act_bank_words = 8
wgt_banks = 4
wgt_bank_words = 256
par_banks = 4
par_bank_words = 16
acc_words = 64
[bus]
bus_bytes = 4
burst_beats = 256
[memory]
model = "lfsr"
latency_cycles = 333
outstanding = 64
seed = 20944
size_bytes = 33554432
[clock]
frequency_hz = 194945201
[energy]
technology = "nangate45"
dram_pj_per_bit = 20.0
clock_gating = false
"""


@pytest.mark.parametrize("seed", [195, 431, 1759])
def test_bad_programs_are_defined_up_to_their_fault(seed):
    """Banks of eight words: the first of two users of a bank is done before the second comes."""
    rng = random.Random(seed)
    machine = random_memory(rng, Machine.from_toml(NARROW))
    if machine.memory.model == "dram":  # the order of these two users is that of independent ports
        machine = machine.with_({"memory.model": "lfsr"})
    size = rng.randint(1, SNIPPETS_MOST)
    assert rng.random() < BAD_SHARE
    made = bad_recipe(rng, machine, min(size, 5))
    first, made_again = random.Random(), made.build()
    first.setstate(made.generator)
    reads = [undefined_read(timeline_of(bad)) for bad in (made.draw(first), made_again)]
    assert "never written" in reads[0]
    assert reads[1] == ""


def timeline_of(bad):
    addresses, code_address = addresses_of(bad.program)
    return time_code(bad.code, bad.program.machine, addresses, code_address=code_address)


def test_a_recipe_gives_the_same_bytes_and_text():
    machine = Machine.load("nano")
    first, images = random_program(random.Random(7), machine, 10)
    second, others = random_program(random.Random(7), machine, 10)
    assert first.to_bytes() == second.to_bytes()
    assert images == others
    assert tuple(assemble(assembly(first))) == first.instructions
    assert random_program(random.Random(8), machine, 10)[0].to_bytes() != first.to_bytes()


def test_a_failing_program_shrinks_to_what_fails():
    machine = Machine.load("nano")

    def fails(program):
        return any(item.name == "RQ" and item["act_terms"] & 1 for item in program.instructions)

    seed = next(s for s in range(100) if fails(recipe(random.Random(s), machine, 10).build()))
    of = recipe(random.Random(seed), machine, 10)
    small = shrink(of, fails)
    assert fails(small)
    check(small.instructions, machine)
    assert len(small.instructions) < len(of.build().instructions) // 2
    assert len(small.instructions) < 30


def test_the_memory_model_changes_cycles_and_no_byte():
    machine = Machine.load("nano")
    for seed in range(10):
        program, _ = random_program(random.Random(seed), machine, 10)
        results, cycles = [], set()
        for model, latency in (("fixed", 1), ("fixed", 60), ("lfsr", 9), ("dram", 9)):
            other = machine.with_({"memory.model": model, "memory.latency_cycles": latency})
            run = run_step(program, program.steps[0], load_image(program), machine=other)
            results.append(run.dram)
            cycles.add(run.timeline.cycles)
        assert len(cycles) == 4
        assert all(np.array_equal(results[0], result) for result in results)


def test_what_the_checker_accepts_neither_faults_nor_hangs():
    """Mutants of legal programs: most are rejected, and those that are not reach HALT."""
    machine, accepted, rejected = Machine.load("nano"), 0, 0
    for seed in range(1000):
        rng = random.Random(seed)
        program, images = random_program(random.Random(seed % 40), machine, 6)
        mutant = mutate(rng, program)
        try:
            check(mutant.instructions, machine, [len(image) for image in images])
        except NpuError:
            rejected += 1
            continue
        accepted += 1
        run = run_step(mutant, mutant.steps[0], load_image(mutant))
        assert run.timeline.fault is None, f"seed {seed}: {run.timeline.fault}"
        assert run.timeline.halt_code is not None
    assert accepted > 100
    assert rejected > 100


def test_every_program_runs_on_verilator_with_three_random_resets(monkeypatch):
    given = []

    def run_code(code, *rest, reset_seed, **settings):
        given.append((code, reset_seed))
        return SimpleNamespace(registers={"cycles": 0})

    monkeypatch.setattr(compare, "run_code", run_code)
    monkeypatch.setattr(compare, "first_difference", lambda *rest: "")
    runs = [*random_runs(Machine.load("nano"), range(1, 13), simulator="verilator")]
    assert {run.family == "good" for run in runs} == {True, False}
    codes = [turned(run.code, addresses_of(run.program)[0], run.program.machine)[0] for run in runs]
    assert given == [(code, seed) for code in codes for seed in (1, 2, 3)]
