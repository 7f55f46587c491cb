"""A machine with a past: its numbers of instructions and cycles begin where a run says, not at 0.

The upper half of a counter of 32 bits would take a run of hours to move. In the copy of the Verilog
that is mutated the counters' first values are therefore wires, which plus arguments of a simulation
set; for a proof they are 0, as on the real machine. What a run has counted is then moved back.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from npusim.cosim.npu.run import RtlRun, in_order
from npusim.isa.spec import FETCH_BURST_INSTRUCTIONS, FETCH_SLOTS, QUEUED_ENGINES
from npusim.simulator.timing.events import Event

COUNTER_SPACE = 1 << 32
_MOST_CYCLES = COUNTER_SPACE - (1 << 24)
_MOST_INSTRUCTIONS = COUNTER_SPACE - (1 << 20)
_ENTRIES = FETCH_BURST_INSTRUCTIONS * FETCH_SLOTS

_COUNTERS = ("busy", "stall_fetch", "stall_prev", "stall_across", "stall_next")
_BEGINNINGS = {
    "npu_fetch": (
        ("pc_q    <= '0;", "pc_q    <= past_pc;"),
        ("asked_q   <= '0;", "asked_q   <= past_pc;"),
    ),
    "npu_issue": (
        ("if (rst_i) counters_o <= '0;", "if (rst_i) counters_o <= {COUNTERS{past_cycles}};"),
        ("length_q + 1'b1 : 32'd1;", "length_q + 1'b1 : past_stall;"),
    ),
    "npu_control": (("cycle_o     <= '0;", "cycle_o     <= past_cycles;"),),
}
"""For each module with counters their first values, and what they become."""
_INSTANCE = """
  wire [31:0] past_pc, past_cycles, past_stall;
  npu_past numbers (.pc_o(past_pc), .cycles_o(past_cycles), .stall_o(past_stall));
"""
_HEADER = '  `include "generated/npu_isa.vh"\n'
_PORTS = (
    "npu_past(output wire [31:0] pc_o, output wire [31:0] cycles_o, output wire [31:0] stall_o)"
)
BOX = f"(* blackbox *) module {_PORTS}; endmodule\n"
NONE = f"module {_PORTS};\n  assign {{pc_o, cycles_o, stall_o}} = 96'd1;\nendmodule\n"
OF_A_RUN = f"""
module {_PORTS};
  reg [31:0] pc, cycles, stall;
  initial begin
    if (!$value$plusargs("past_pc=%d", pc)) pc = 0;
    if (!$value$plusargs("past_cycles=%d", cycles)) cycles = 0;
    if (!$value$plusargs("past_stall=%d", stall)) stall = 1;
  end
  assign pc_o = pc;
  assign cycles_o = cycles;
  assign stall_o = stall;
endmodule
"""


def give_a_past(folder: Path) -> None:
    """Let the counters of the modules in `folder` begin with the outputs of a box `npu_past`."""
    for module, changes in _BEGINNINGS.items():
        path = folder / f"{module}.v"
        text = path.read_text()
        for old, new in ((_HEADER, _HEADER + _INSTANCE), *changes):
            assert old in text, f"{module}: expected {old}"
            text = text.replace(old, new)
        path.write_text(text)
    (folder / "npu_past.v").write_text(BOX)
    (folder / "npu_past_none.v").write_text(NONE)


@dataclass(frozen=True)
class Past:
    """What a machine has counted before a run: instructions, cycles, cycles of each stall."""

    instructions: int = 0
    cycles: int = 0
    stalled: int = 0

    @property
    def plusargs(self) -> tuple[str, ...]:
        """Return what tells it to the simulation."""
        return (
            f"+past_pc={self.instructions}", f"+past_cycles={self.cycles}",
            f"+past_stall={self.stalled + 1}",
        )  # fmt: skip

    @property
    def registers(self) -> dict[str, int]:
        """Return the control registers that do not begin with 0."""
        counters = (f"{engine.lower()}_{name}" for engine in QUEUED_ENGINES for name in _COUNTERS)
        return dict.fromkeys(("cycles", *counters), self.cycles)

    def without(self, found: RtlRun, stalls: Counter[tuple[str, str]]) -> RtlRun:
        """Return `found` as it were without this past; `stalls`: how many (engine, cause) has."""
        lines = []
        for line in found.trace:
            cycle, engine, pc, event, last = line.split()
            begin = int(cycle) - self.cycles
            if event.startswith("stall:"):
                begin += self.stalled
                last = str((int(last) - self.stalled) % COUNTER_SPACE)
            number = (int(pc) - self.instructions) % COUNTER_SPACE
            lines.append(f"{begin % COUNTER_SPACE} {engine} {number} {event} {last}")
        registers, moved = dict(found.registers), Counter(self.registers)
        if registers["fault"]:
            moved["fault_pc"] = self.instructions
        for (engine, cause), times in stalls.items():
            moved[f"{engine.lower()}_stall_{cause}"] += self.stalled * times
        for name, by in moved.items():
            registers[name] = (registers[name] - by) % COUNTER_SPACE
        return replace(found, trace=in_order(lines), registers=registers)


def random_past(rng: random.Random) -> Past:
    """Return a past of any length; of few bits where it is short."""
    bits = rng.choice((32, 32, rng.randint(1, 32)))
    return Past(
        min(rng.getrandbits(bits), _MOST_INSTRUCTIONS) // _ENTRIES * _ENTRIES,
        min(rng.getrandbits(bits), _MOST_CYCLES),
        rng.getrandbits(bits),
    )


def stalls_of(events: Iterable[Event]) -> Counter[tuple[str, str]]:
    """Return how many stalls each engine has by each cause."""
    found: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event.event.startswith("stall:"):
            found[event.engine, event.event.removeprefix("stall:")] += 1
    return found
