"""The logic that a machine is built of, and the operations of it that a technology's table prices.

Each row of LOGIC is a Verilog module, how often a machine has it, and the operation classes
whose energy the table gives: pJ of a cycle of one instance in which it does one such operation.
Class `idle` is a cycle in which it does none: what the clock moves all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from npusim.codes import LUT, MULTIPLIERS, PWLQ, SUBSET, UNIFORM
from npusim.isa.instructions.mac import LINES
from npusim.machines import Machine

XE_BITS = 9


@dataclass(frozen=True)
class Logic:
    """A module: one a machine or one a lane, part of a component, with its priced operations."""

    module: str
    component: str
    per_lane: bool
    operations: tuple[str, ...]

    def instances(self, machine: Machine) -> int:
        """Return how many a machine has.

        A lane adds to each region of its accumulators, and subtracts zero points for MAC and from
        the pixels that its lines keep; a requantizer does for the pairs of VEC.
        """
        array, size = machine.array, machine.size
        requantizers = size // array.lanes_per_requantizer
        if self.module == "npu_merge_regions" and not machine.array.pwlq_bits:
            return 0
        if self.module == "npu_requantize_float" and not machine.array.fp32_requantizer:
            return 0
        lookups = size // array.lanes_per_lookup
        if self.module == "npu_registers" and not machine.most_bits(LUT):
            return 0
        if self.module == "npu_lines" and not array.line_words:
            return 0
        if self.module == "npu_shared_lookup" and lookups == size:
            return 0
        several = {
            "npu_accumulate": size * machine.acc_regions,
            "npu_subtract_zero_point": size * (machine.words + (LINES if array.line_words else 0))
            + requantizers,
            "npu_lookup": lookups,
            "npu_shared_lookup": lookups,
        } | dict.fromkeys(SHARED, requantizers)
        return several.get(self.module, size if self.per_lane else 1)


SHARED = (
    "npu_merge_regions", "npu_requantize", "npu_requantize_float", "npu_add", "npu_epilogue",
)  # fmt: skip
"""Modules that a requantizer has, which lanes may share."""

LOGIC = (
    Logic(
        "npu_pe_column", "array_edge", True,
        (*MULTIPLIERS, "run", "idle"),  # all rows carry a layer's operands; run: their clock
    ),
    Logic("npu_weight_column", "array_edge", True, ("load", "swap", "idle")),  # load: a row
    Logic("npu_subtract_zero_point", "array_edge", True, ("operand", "idle")),
    Logic("npu_accumulate", "accumulators", True, ("accumulate", "run", "idle")),
    Logic("npu_merge_regions", "requantizers", True, ("merge", "idle")),
    Logic("npu_requantize", "requantizers", True, ("requantize", "term", "idle")),
    Logic("npu_requantize_float", "requantizers", True, ("requantize", "idle")),
    Logic("npu_pool", "vector", True, ("max", "sum", "idle")),
    Logic("npu_add", "vector", True, ("add", "idle")),
    Logic("npu_lookup", "vector", True, ("lookup", "idle")),
    # What holds the modules of a lane, and the lanes, together: registers and multiplexers.
    Logic("npu_lane", "array_edge", True, ("term", "par", "operand", "idle")),
    Logic("npu_epilogue", "requantizers", True, ("term", "tap", "idle")),
    Logic("npu_shared_lookup", "vector", True, ("lookup", "idle")),
    Logic("npu_lines", "array_edge", True, ("read", "idle")),
    Logic("npu_array", "array_edge", False, ("tap", "operand", "idle")),
    Logic("npu_rows", "array_edge", False, ("operand", "idle")),
    Logic("npu_scratchpads", "scratchpads", False, ("word", "par", "idle")),
    Logic("npu_accumulators", "accumulators", False, ("word", "idle")),
    Logic("npu_mac_engine", "control", False, ("run", "idle")),  # run: a cycle of a MAC
    Logic("npu_vector_engine", "control", False, ("run", "idle")),
    Logic("npu_operands_ex", "control", False, ("idle",)),
    Logic("npu_sequencer", "control", False, ("dispatch", "idle")),  # dispatch: one instruction
    Logic("npu_registers", "control", False, ("idle",)),  # of lut's levels alone
    Logic("npu_fetch", "control", False, ("beat", "idle")),
    Logic("npu_control", "control", False, ("idle",)),
    Logic("npu_ld", "dma", False, ("beat", "idle")),
    Logic("npu_st", "dma", False, ("beat", "idle")),
)  # fmt: skip
"""What is asked of npusim/cost/tables/<technology>.json: (module, parameters of the build) rows."""


def parameters(machine: Machine) -> Mapping[str, int]:
    """Return the build parameters of all modules of a machine; a module has some of them."""
    return {**machine.parameters, "SUM_BITS": _sum_bits(machine)}


def _sum_bits(machine: Machine) -> int:
    """Return the width of a column's sum in region 0, as rtl/npu_lane.v has it."""
    most = max(machine.most_bits(UNIFORM), machine.most_bits(PWLQ))
    product = XE_BITS - 1 + (6 if machine.most_bits(SUBSET) and most < 6 else most)
    return product + (machine.rows - 1).bit_length()
