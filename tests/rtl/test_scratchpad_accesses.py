"""Words that the Verilog's scratchpads read and write: exactly those that the machine counts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from npusim.cosim.npu.build import Simulation, compile_design, design
from npusim.cosim.npu.placement import placed
from npusim.cosim.npu.run import run_on
from npusim.cosim.programs.programs import random_program
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.simulator.counts import event_counts
from npusim.simulator.run import step_code, time_program

NPU = "npu_bench.system.npu"
MEMORIES = {
    "act": ["scratchpads.act.gen_whole.part"],
    "wgt": ["scratchpads.wgt"],
    "par": ["scratchpads.par"],
    "acc": [f"ex.accumulators.region[{g}].gen_there.memory" for g in range(3)],
}
"""Below the machine: the scratchpads of one with pwlq, whose rows are as many as its columns."""
COUNTED = [f"{pad}_{way}s" for pad in MEMORIES for way in ("read", "write")]
PROGRAMS = 15


def counter(machine: Machine) -> str:
    """Return a module that counts enabled banks while a program runs, and writes COUNTED."""
    sums = []
    for pad, memories in MEMORIES.items():
        banks = range(getattr(machine.scratchpads, f"{pad}_banks"))
        each = [f"{NPU}.{memory}.bank[{b}].memory" for memory in memories for b in banks]
        for way in ("read", "write"):
            sums.append(" + ".join(f"32'({one}.{way}_i)" for one in each))
    added = "\n".join(f"    count[{i}] = count[{i}] + {each};" for i, each in enumerate(sums))
    values = ", ".join(f"count[{i}]" for i in range(len(sums)))
    return f"""\
module access_counter;
  integer file, i, count[0:{len(sums) - 1}];
  initial for (i = 0; i < {len(sums)}; i = i + 1) count[i] = 0;
  always @(posedge npu_bench.clk) if ({NPU}.run === 1'b1) begin
{added}
  end
  always @(negedge {NPU}.run) if (count[0] > 0) begin
    file = $fopen("accesses.txt");
    $fdisplay(file, "{"%0d " * len(sums)}", {values});
    $fclose(file);
  end
endmodule
"""


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """Return nano in Icarus beside a counter of its accesses."""
    folder, machine = tmp_path_factory.mktemp("counted"), Machine.load("nano")
    (folder / "counter.v").write_text(counter(machine))
    memory = 1 << 20
    flags = ("-s", "access_counter", str(folder / "counter.v"))
    compile_design(design(machine, "icarus", memory), "icarus", folder, flags)
    run = f'vvp -n {folder / "npu.vvp"} "$@"; cp accesses.txt {folder}'
    return Simulation(machine, "icarus", memory, ("sh", "-c", run, "run"))


def accesses(simulation: Simulation, program: Program) -> dict[str, int]:
    """Return how many words of each scratchpad the Verilog read and wrote; of ACC by region."""
    dram, bases, address = placed(program)
    (step,) = program.runs()
    code = step_code(program, step)
    run_on(simulation, code, program.machine, dram[:address], bases, address, 1_000_000)
    written = Path(simulation.command[2].rpartition(" ")[2]) / "accesses.txt"
    return dict(zip(COUNTED, map(int, written.read_text().split()), strict=True))


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_every_read_and_write_is_counted_and_no_sum_is_read_for_nothing(
    simulation: Simulation,
) -> None:
    seen = dict.fromkeys(("macs_pwlq", "macs_uniform8", "merges", "acc_reads"), 0)
    for seed in range(3, 3 + PROGRAMS):
        program, _ = random_program(random.Random(seed), simulation.machine)
        total = event_counts(time_program(program)[0]).total()
        found = accesses(simulation, program)
        assert found == {name: total[name] for name in COUNTED}, f"program {seed}"
        seen = {name: count + total[name] for name, count in seen.items()}
    assert all(seen.values()), seen
