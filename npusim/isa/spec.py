"""What all instructions share, as data: engines, header, names of values, constants of control.

Together with a page for each instruction (instructions/) it is all that encoder, assembler,
checker, timing, docs/isa.md and rtl/generated/npu_isa.vh are derived from. What the instructions do
is written in docs/architecture.md.
"""

from __future__ import annotations

from npusim.isa.fields import Field

VERSION = 2
"""Changes whenever an encoding changes."""

INSTRUCTION_BYTES = 16
REGION_COUNT = 8

ENGINES = ("FETCH", "LD", "MX", "EP", "ST")
"""An engine's code in the header is its place; LD, MX, EP, ST follow each other cyclically."""
QUEUED_ENGINES = ("LD", "MX", "EP", "ST")
SIDES = {"prev": 3, "across": 2, "next": 1}
"""Where another engine stands: steps along QUEUED_ENGINES from the one that waits or signals."""
FACING = {"prev": "next", "across": "across", "next": "prev"}
"""The side on which the other engine sees this one."""

QUEUE_DEPTH = 8
TOKEN_MAX = 15
FETCH_BURST_INSTRUCTIONS = 8
FETCH_BURST_BYTES = FETCH_BURST_INSTRUCTIONS * INSTRUCTION_BYTES
"""A program begins at a multiple of it."""
FETCH_SLOTS = 2

ADDRESS_SPACE = 1 << 16
"""Scratchpad addresses wrap there; no scratchpad has more words."""
DRAM_SPACE = 1 << 32
"""Bytes that the memory port can name; DRAM addresses wrap there."""

CFG_CYCLES = 1
READ_CYCLES = 2
"""From a scratchpad's address to its data: one in the bank, one in the register behind it."""
REQUEST_CYCLES = 3
"""From the issue of a LD or ST to its first address on the memory port."""
MAC_LOAD_CYCLES = 2
MAC_DRAIN_CYCLES = READ_CYCLES + 3
RQ_DRAIN_CYCLES = READ_CYCLES + 3
VEC_DRAIN_CYCLES = READ_CYCLES + 2
PAR_HEADER_WORDS = 3
"""Words of a channel block in PAR before its multipliers."""
TERMS_MAX = 4

FAULTS = ("none", "opcode", "operand", "bank", "address", "axi", "token")
"""A fault's cause code is its place."""

TARGETS = ("ACT", "WGT", "PAR")
SPACES = (*TARGETS, "ACC", "TABLE", "DRAM", "REGISTERS")
"""What can be written; a place's code is a space and an address in it."""
VEC_OPS = ("copy", "max", "add", "sum", "lookup", "table", "multiply", "min")

HEADER = (
    Field("opcode", 0, 4, "what the instruction does"),
    Field("engine", 4, 3, "the queue it stands in", names=ENGINES),
    Field("wait_prev", 7, 1, "take a token of the previous engine before issue"),
    Field("wait_across", 8, 1, "take a token of the engine after the next before issue"),
    Field("wait_next", 9, 1, "take a token of the next engine before issue"),
    Field("signal_prev", 116, 1, "give the previous engine a token at retirement"),
    Field("signal_across", 117, 1, "give the engine after the next a token at retirement"),
    Field("signal_next", 118, 1, "give the next engine a token at retirement"),
)


def neighbour(engine: str, side: str) -> str:
    """Return the queued engine that stands at `side` of another."""
    place = QUEUED_ENGINES.index(engine) + SIDES[side]
    return QUEUED_ENGINES[place % len(QUEUED_ENGINES)]


def side_of(engine: str, other: str) -> str:
    """Return the side of a queued engine at which another stands."""
    return next(side for side in SIDES if neighbour(engine, side) == other)
