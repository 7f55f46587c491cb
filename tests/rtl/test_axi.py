"""AXI as strangers speak it: random pauses, page crossings, error answers, control registers."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from npusim.cosim import Design, simulation
from npusim.cosim.npu.build import machine_sources
from npusim.cosim.npu.parameters import expected_registers, require_parameters
from npusim.cosim.programs.programs import random_program
from npusim.cosim.units import rtl_directory
from npusim.errors import NpuError
from npusim.isa.assembly import assemble
from npusim.isa.encoding import encode_program
from npusim.isa.program import Program
from npusim.isa.spec import ENGINES, FAULTS
from npusim.machines import Machine
from npusim.simulator.run import load_image, run_step, step_code

MEMORY_BYTES = 1 << 17
NANO = Machine.load("nano")
NOTHING_BAD = (-1, -1, -1)


@dataclass
class Outcome:
    registers: dict[str, int]
    dram: np.ndarray


def case(code: bytes, base: int, regions, images, **options) -> dict:
    return {
        "base": base, "length": len(code) // 16, "regions": list(regions),
        "images": [*((a, bytes(i).hex()) for a, i in images), (base, code.hex())],
        "pause": 0.0, "seed": 1, "bad": NOTHING_BAD, "starts": 1, **options,
    }  # fmt: skip


def of_program(program: Program, **options) -> dict:
    addresses = program.region_addresses()
    images = zip(addresses, (region.image for region in program.regions), strict=True)
    code = step_code(program, program.steps[0])
    return case(code, program.code_address(), addresses, images, **options)


def simulate(cases: list[dict], folder: Path) -> list[Outcome]:
    """Return what is read over AXI4-Lite after each case, and its memory."""
    rtl = rtl_directory()
    sources = (
        *machine_sources(rtl), rtl / "boards/npu_axi4.v", rtl / "sim/npu_axi_rules.v",
        rtl / "sim/boards/npu_axi.v",
    )  # fmt: skip
    top = Design("npu_axi", sources, NANO.parameters, includes=(rtl, rtl / "generated"))
    request = folder / "request.json"
    request.write_text(json.dumps({"memory_bytes": MEMORY_BYTES, "cases": cases}))
    results = simulation.run(
        simulation.build(top), "tests.rtl.axi_bench", directory=folder,
        environment={"NPUSIM_AXI_REQUEST": str(request)}, expected_tests=1,
    )  # fmt: skip
    assert not results.failed, results.log[-3000:]
    answers = json.loads((folder / "answers.json").read_text())
    assert len(answers) == len(cases)
    drams = [np.fromfile(folder / f"dram{i}.bin", np.uint8) for i in range(len(cases))]
    return [Outcome(a, d) for a, d in zip(answers, drams, strict=True)]


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_random_pauses_on_every_channel_change_no_byte(tmp_path):
    programs = [random_program(random.Random(seed), NANO, 8)[0] for seed in range(12)]
    shares = (0.0, 0.2, 0.5, 0.8)
    cases = [
        of_program(program, seed=i, pause=shares[i % len(shares)])
        for i, program in enumerate(programs)
    ]
    stored = 0
    for program, outcome in zip(programs, simulate(cases, tmp_path), strict=True):
        dram = load_image(program)
        before = dram[: program.code_address()].copy()
        run = run_step(program, program.steps[0], dram, trace=False)
        after = dram[: program.code_address()]
        assert outcome.registers["status"] == 2
        assert outcome.registers["halt_code"] == run.timeline.halt_code
        assert np.array_equal(outcome.dram[: len(after)], after)
        stored += int((after != before).sum())
    assert stored > 100


CROSSING = """
LD target=WGT address=0 banks=0x1 columns=1 offset=2
LD signal_next=1 target=ACT plain=1 offset=993 address=0 banks=0x1 columns=160
CFG engine=MX wait_prev=1 signal_across=1
CFG engine=ST index=row_stride row_stride.value=1005
CFG engine=ST wait_across=1 index=act_stride act_stride.row=40 element.beats=1
ST offset=4070 address=1 banks=0x1 columns=77 rows=3 blocks=1
HALT code=9
"""


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("pause", [0.0, 0.6])
def test_pages_are_not_crossed_and_a_run_can_follow_a_run(tmp_path, pause):
    data = np.random.default_rng(1).integers(0, 256, 1 << 15, np.uint8)
    code = encode_program(assemble(CROSSING))
    request = case(code, 1 << 15, [0] * 8, [(0, data)], pause=pause, starts=2)
    (outcome,) = simulate([request], tmp_path)
    expected = data.copy()
    act = data.reshape(-1, 4)[993 : 993 + 160]
    for row in range(3):
        first = 4070 + 1005 * row
        expected.reshape(-1, 4)[first : first + 77] = act[1 + 40 * row : 78 + 40 * row]
    assert np.array_equal(outcome.dram[: len(data)], expected)
    assert (outcome.registers["status"], outcome.registers["halt_code"]) == (2, 9)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("place", ["in the middle", "the last beat alone"])
def test_error_answers_are_faults_of_their_engine(tmp_path, place):
    code = encode_program(assemble(CROSSING))
    base, last = 1 << 15, place == "the last beat alone"
    load, row, fetched = (159, 2 * 1005 + 76, 6) if last else (140, 1005, 2)
    bad = {
        "LD": (-1, 4 * (993 + load), -1), "ST": (-1, -1, 4 * (4070 + row)),
        "FETCH": (base + 16 * fetched + (12 if last else 5), -1, -1),
    }  # fmt: skip
    cases = [
        case(code, base, [0] * 8, [(0, bytes(1 << 15))], bad=addresses, pause=pause)
        for addresses in bad.values()
        for pause in (0.0, 0.5)
    ]
    engines = [engine for engine in bad for _ in range(2)]
    pcs = {"LD": 1, "ST": 5, "FETCH": fetched}
    for engine, outcome in zip(engines, simulate(cases, tmp_path), strict=True):
        found = outcome.registers
        assert found["status"] == 4
        assert found["fault"] == FAULTS.index("axi") | ENGINES.index(engine) << 8
        assert found["fault_pc"] == pcs[engine]


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_control_registers_over_axi_lite(tmp_path):
    code = encode_program(assemble("CFG engine=LD\nFENCE\nHALT code=513\n"))
    regions = [0x1000 * (i + 1) for i in range(8)]
    (outcome,) = simulate([case(code, 1 << 15, regions, [], pause=0.3)], tmp_path)
    found = outcome.registers
    require_parameters(NANO, found)
    assert [found[f"region{i}"] for i in range(8)] == regions
    assert (found["program_base"], found["program_length"]) == (1 << 15, 3)
    assert (found["status"], found["fault"], found["halt_code"]) == (2, 0, 513)
    assert (found["interrupt_enable"], found["start"]) == (1, 0)
    assert found["ld_busy"] == 2
    assert found["cycles"] > found["ld_stall_fetch"] > 0


def test_another_machine_is_recognized():
    with pytest.raises(NpuError, match=r"register params0: expected 0x.* for machine small"):
        require_parameters(Machine.load("small"), expected_registers(NANO))
