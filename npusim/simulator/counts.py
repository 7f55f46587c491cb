"""How often each part of the machine did its work: what energy and traffic are made from.

Counts are columns, one value for each instruction, so that a layer's are sums over its range. Like
cycles they depend on no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from npusim.isa.instructions import PAGES
from npusim.isa.instructions.mac import MACS
from npusim.isa.instructions.vec import VECTOR
from npusim.isa.nest import Column
from npusim.isa.spec import INSTRUCTION_BYTES
from npusim.simulator.timing.dram import OUTCOMES
from npusim.simulator.timing.timeline import Timeline

WORDS = (
    "act_reads", "act_writes", "wgt_reads", "wgt_writes", "par_reads", "par_writes",
    "acc_reads", "acc_writes", "line_reads", "line_writes",
)  # fmt: skip
NAMES = (
    "fetch_bytes", "dram_read_bytes", "dram_write_bytes", *MACS, "array_cycles", "weight_decodes",
    "weight_swaps", "accumulations", *WORDS, "requantizations", "requantize_terms",
    "float32_requantizations", "merges", *VECTOR, *OUTCOMES,
)  # fmt: skip
"""What is counted:

macs_<format>       products of a weight and an operand in active rows, in all columns; uniform4:
                    weights of up to 4 bits
array_cycles        cycles in which operands stand at the array (SIZE * SIZE products each)
weight_decodes      codes decoded into a lane's shadow register; weight_swaps: lanes whose shadow
                    register became the active one
accumulations       sums of a column added to an accumulator of one lane and region
<pad>_reads, writes words; of ACC, words of one region (SIZE int32); of line, two rows' bytes of a
                    pixel (2 SIZE bytes)
requantizations     results of one lane; requantize_terms: products of a multiplier in them; those
                    of the float32 requantizer are float32_requantizations instead
merges              terms of one lane that pwlq's A1 and S are merged into
vector_<op>         taps of one lane
dram_<what>         accesses to a DRAM of banks and rows, FETCH's among them: 0 in another memory
"""


@dataclass(frozen=True, eq=False)
class Counts:
    """Event counts by name, int64 [instructions]."""

    columns: Mapping[str, Column]

    def total(self, first: int = 0, count: int | None = None) -> dict[str, int]:
        """Return the sums over instructions first .. first + count - 1 (None: to the end)."""
        end = None if count is None else first + count
        return {name: int(column[first:end].sum()) for name, column in self.columns.items()}


def event_counts(timeline: Timeline) -> Counts:
    """Return the counts of the instructions that retired in `timeline`."""
    columns, done = timeline.columns, timeline.retire >= 0
    result = {name: np.zeros(columns.count, np.int64) for name in NAMES}
    result["fetch_bytes"][timeline.dispatch >= 0] = INSTRUCTION_BYTES
    for index, name in enumerate(OUTCOMES):
        result[name] = timeline.outcomes[:, index] * (timeline.dispatch >= 0)
    for name, group in columns.groups.items():
        for key, column in PAGES[name].counts(group, timeline.machine).items():
            result[key][group.pcs] = column * done[group.pcs]
    return Counts(result)
