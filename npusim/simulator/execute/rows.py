"""The records of LD and ST: rows of elements between DRAM and a scratchpad."""

from __future__ import annotations

import numpy as np

from npusim.isa.nest import Column, Mask
from npusim.isa.page import Group
from npusim.simulator.execute.call_record import Records, record, records

MOVE = record(
    "source", "blocks", "rows", "columns", "held", "row_stride", "block_stride", "top", "bottom",
    "left", "right", "address", "act_row", "act_block", "fill", "width",
)  # fmt: skip
"""`source` and the strides are bytes of DRAM, `address`, `act_row` and `act_block` words of `width`
bytes, of which an element has `held`."""


def move_records(group: Group, moves: Records, bus_bytes: int, width: Column) -> Records:
    """Return the MOVE of all LDs, or all STs; `moves` are theirs of timing/transfers.py."""
    stride = group.registers["act_stride"]
    same = ("blocks", "rows", "columns", "top", "bottom", "left", "right")
    columns = {
        **{name: moves[name] for name in same},
        "source": moves["start"] * bus_bytes,
        "held": np.minimum(moves["element_beats"] * bus_bytes, width),
        "row_stride": moves["row_stride"] * bus_bytes,
        "block_stride": moves["block_stride"] * bus_bytes,
        "address": group["address"],
        "act_row": stride["row"],
        "act_block": stride["block"],
        "fill": group.registers["element"]["fill"],  # no ST pads
        "width": width,
    }
    return records(MOVE, columns, len(moves))


def dram_spans(moves: Records) -> tuple[Column, Column]:
    """Return the first byte and the end of what each touches in DRAM, before the wrap."""
    extents = [
        (moves[level] - 1) * moves[stride]
        for level, stride in (("blocks", "block_stride"), ("rows", "row_stride"))
    ]
    low = moves["source"] + sum(np.minimum(extent, 0) for extent in extents)
    high = moves["source"] + sum(np.maximum(extent, 0) for extent in extents)
    return low, high + moves["columns"] * moves["held"]


def within(moves: Records, first: int, end: int) -> Mask:
    """Return which touch only bytes first .. end - 1 of DRAM."""
    low, high = dram_spans(moves)
    return (low >= first) & (high <= end)
