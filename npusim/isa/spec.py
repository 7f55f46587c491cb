"""The instruction set as data: engines, header, instructions, constants of control.

Encoder, assembler, checker, timing, docs/isa.md and rtl/generated/npu_isa.vh are derived from it.
What the instructions do is written in docs/architecture.md.
"""

from __future__ import annotations

from npusim.isa.fields import Field, Format

VERSION = 1
"""Changes whenever an encoding changes."""

INSTRUCTION_BYTES = 16
REGION_COUNT = 8

ENGINES = ("FETCH", "LD", "EX", "ST")
"""An engine's code in the header is its place; LD, EX, ST follow each other cyclically."""
QUEUED_ENGINES = ("LD", "EX", "ST")

QUEUE_DEPTH = 8
TOKEN_MAX = 15
FETCH_BURST_INSTRUCTIONS = 8
FETCH_BURST_BYTES = FETCH_BURST_INSTRUCTIONS * INSTRUCTION_BYTES
"""A program begins at a multiple of it."""
FETCH_SLOTS = 2

ADDRESS_SPACE = 1 << 16
"""Scratchpad addresses wrap there; no scratchpad has more words."""

CFG_CYCLES = 1
MAC_LOAD_CYCLES = 2
MAC_DRAIN_CYCLES = 3
RQ_DRAIN_CYCLES = 3
VEC_DRAIN_CYCLES = 3
PAR_HEADER_WORDS = 3
"""Words of a channel block in PAR before its multipliers."""
TERMS_MAX = 4

FAULTS = ("none", "opcode", "operand", "bank", "address", "axi", "token")
"""A fault's cause code is its place."""

TARGETS = ("ACT", "WGT", "PAR")
VEC_OPS = ("copy", "max", "add", "sum", "lookup", "table")

HEADER = (
    Field("opcode", 0, 4, "what the instruction does"),
    Field("engine", 4, 2, "the queue it stands in", names=ENGINES),
    Field("wait_prev", 6, 1, "take a token of the previous engine before issue"),
    Field("wait_next", 7, 1, "take a token of the next engine before issue"),
    Field("signal_prev", 8, 1, "give the previous engine a token at retirement"),
    Field("signal_next", 9, 1, "give the next engine a token at retirement"),
)

_DRAM = (
    Field("region", 16, 3, "base register of the DRAM address"),
    Field("offset", 19, 29, "beats from the region's base"),
)
_EX_BANKS = (
    Field("read_banks", 64, 8, "ACT banks read"),
    Field("write_banks", 72, 8, "ACT banks written"),
)
_EX_BASES = (
    Field("acc", 16, 16, "first accumulator word"),
    Field("act", 32, 16, "first ACT word read"),
    Field("out", 48, 16, "first ACT word written"),
)

INSTRUCTIONS = (
    Format(
        "CFG", 1, QUEUED_ENGINES, "write three consecutive configuration registers",
        (
            Field("index", 10, 6, "first register; places without a register are ignored"),
            Field("value0", 16, 32, "value of register index"),
            Field("value1", 48, 32, "value of register index + 1"),
            Field("value2", 80, 32, "value of register index + 2"),
        ),
    ),
    Format(
        "LD", 2, ("LD",), "DRAM -> scratchpad, 3-D strided, padded on four sides",
        (
            Field("target", 10, 2, "scratchpad written", names=TARGETS),
            Field("plain", 12, 1, "ACT as WGT and PAR: contiguous whole words, registers unused"),
            *_DRAM,
            Field("address", 48, 16, "first word written"),
            Field("banks", 64, 8, "banks of the target that are written"),
            Field("columns", 72, 16, "elements of a row (words where plain)"),
            Field("rows", 88, 16, "rows of a block (1 where plain)"),
            Field("blocks", 104, 12, "blocks (1 where plain)"),
        ),
    ),
    Format(
        "ST", 3, ("ST",), "ACT -> DRAM, 3-D strided",
        (
            *_DRAM,
            Field("address", 48, 16, "first word read"),
            Field("banks", 64, 8, "ACT banks read"),
            Field("columns", 72, 16, "elements of a row"),
            Field("rows", 88, 16, "rows of a block"),
            Field("blocks", 104, 12, "blocks"),
        ),
    ),
    Format(
        "MAC", 4, ("EX",), "weight-stationary multiply-accumulate over an affine loop nest",
        (
            Field("accumulate", 10, 1, "add to ACC in the first reduction tile too"),
            Field("depthwise", 11, 1, "channels on columns, a shift register along the rows"),
            Field("acc", 16, 16, "first accumulator word"),
            Field("act", 32, 16, "first ACT word read"),
            Field("wgt", 48, 16, "first word of the first weight tile"),
            Field("read_banks", 64, 8, "ACT banks read"),
            Field("wgt_banks", 72, 4, "WGT banks read"),
        ),
    ),
    Format(
        "RQ", 5, ("EX",), "accumulators and residuals -> 8 bits through the requantizers",
        (
            Field("act_terms", 10, 4, "bit j: term j comes from ACT, else from ACC"),
            Field("pwlq", 14, 1, "ACC terms are A1 + n*S and A2"),
            *_EX_BASES,
            *_EX_BANKS,
            Field("par", 80, 16, "first PAR word"),
            Field("par_banks", 96, 4, "PAR banks read"),
        ),
    ),
    Format(
        "VEC", 6, ("EX",), "elementwise and window operations",
        (
            Field("op", 10, 3, "what is folded over the window", names=VEC_OPS),
            Field("accumulate", 13, 1, "sum: add to ACC"),
            *_EX_BASES,
            *_EX_BANKS,
        ),
    ),
    Format("FENCE", 7, ("FETCH",), "dispatch goes on when every queue and engine is empty"),
    Format(
        "HALT", 8, ("FETCH",), "wait as FENCE, then end the run",
        (Field("code", 16, 16, "what the program says at its end"),),
    ),
)  # fmt: skip
