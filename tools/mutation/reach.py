"""Which mutations a program reaches: their value differs from the original's at some clock edge.

In the netlist a mutation is a multiplexer of the original and the changed value of one bit. A probe
beside it compares the two at each edge of the clock while the original runs, and prints the
mutation's number once. All state is behind that edge: where the two are equal at every edge, the
machine with the mutation takes the same steps as without, so this program cannot notice it, and
need not run on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_CLOCK = "npu_system.clk_i"
_SAYS = "reached"


def with_probes(text: str) -> str:
    """Return the netlist, as Yosys writes it, with a probe for each of its mutations."""
    parts = re.split(r"^(?=module )", text, flags=re.MULTILINE)
    return "".join(map(_with_probes, parts))


def _with_probes(module: str) -> str:
    probes = []
    switches = re.findall(r"^  assign (\S+) = mutant == \d+'h(\w+);$", module, re.MULTILINE)
    for place, (switch, digits) in enumerate(switches):
        found = re.search(
            rf"^  assign .+ = {re.escape(switch)} \? (.+) : (.+);$", module, re.MULTILINE
        )
        assert found, f"no multiplexer behind {switch}"
        changed, original = found.groups()
        probes.append(
            f"    if (!probed[{place}] && {changed} != {original}) begin\n"
            f'      probed[{place}] <= 1;\n      $display("{_SAYS} {int(digits, 16)}");\n    end\n'
        )
    if not probes:
        return module
    probe = (
        f"  reg [{len(probes) - 1}:0] probed = 0;\n"
        f"  always @(posedge {_CLOCK}) if (mutant == 0) begin\n{''.join(probes)}  end\n"
    )
    before, end, after = module.rpartition("endmodule")
    return before + probe + end + after


def reached(printed: Iterable[str]) -> set[int]:
    """Return the numbers of the mutations that the lines of a run name."""
    lines = (line.split() for line in printed)
    return {int(words[1]) for words in lines if words[:1] == [_SAYS]}
