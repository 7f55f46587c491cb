"""Rows of elements: what LD and ST share, between DRAM and ACT."""

from __future__ import annotations

from npusim.isa.fields import Field, Register, number
from npusim.isa.nest import Column, Mask
from npusim.isa.page import Group, Rule, Transfer, within
from npusim.machines import Machine

DRAM_ADDRESS = (
    Field("region", 16, 3, "base register of the DRAM address"),
    Field("offset", 19, 29, "beats from the region's base"),
)
STRIDES = (
    Register("row_stride", 0, "DRAM, row to row", number("beats", signed=True)),
    Register("block_stride", 1, "DRAM, block to block", number("beats", signed=True)),
    Register(
        "act_stride", 2, "scratchpad steps",
        (
            Field("row", 0, 16, "words from row to row", signed=True),
            Field("block", 16, 16, "words from block to block", signed=True),
        ),
    ),
    Register(
        "element", 3, "what one word holds",
        (
            Field("beats", 0, 8, "beats of an element"),
            Field("fill", 8, 8, "LD: byte of padding and of a word's bytes beyond its beats"),
        ),
    ),
)  # fmt: skip


def row_rules(group: Group, machine: Machine, plain: Mask) -> list[Rule]:
    """Return the rules of rows and elements; of `plain` copies only their length counts."""
    beats = within("element.beats", group.registers["element"]["beats"], 1, machine.word_beats)
    return [
        Rule(group["columns"] > 0, "columns is 0"),
        *(Rule((group[name] > 0) | plain, f"{name} is 0") for name in ("rows", "blocks")),
        Rule(beats.holds | plain, beats.text, beats.values),
    ]


def row_strides(group: Group) -> tuple[Column, Column]:
    """Return the beats from row to row and from block to block."""
    return group.registers["row_stride"]["value"], group.registers["block_stride"]["value"]


def moved_bytes(moved: Transfer, machine: Machine) -> Column:
    """Return the bytes that pass the memory port."""
    elements = moved.blocks * moved.rows * moved.columns
    return elements * moved.element_beats * machine.bus.bus_bytes
