"""Configuration registers of the engines and control registers of the machine, as data."""

from __future__ import annotations

from npusim.isa.fields import Field, Register
from npusim.isa.spec import REGION_COUNT
from npusim.words import ROUNDINGS, WEIGHT_FORMATS


def _word(meaning: str, signed: bool = False) -> tuple[Field, ...]:
    return (Field("value", 0, 32, meaning, signed),)


def _level(what: str) -> tuple[Field, ...]:
    return (
        Field("count", 0, 16, f"iterations of {what}"),
        Field("stride", 16, 16, "ACT words from one to the next", signed=True),
    )


_COUNT, _STRIDE = _level("any level")
COUNT_MAX = _COUNT.mask
"""Most iterations of a loop level."""
STRIDE_MAX = _STRIDE.mask >> 1
"""Greatest step of a loop level, in words: strides are signed."""

_DMA_STRIDES = (
    Register("row_stride", 0, "DRAM, row to row", _word("beats", signed=True)),
    Register("block_stride", 1, "DRAM, block to block", _word("beats", signed=True)),
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

LD_REGISTERS = (
    *_DMA_STRIDES,
    Register(
        "pads", 4, "padding around each block",
        (
            Field("top", 0, 8, "rows above"),
            Field("bottom", 8, 8, "rows below"),
            Field("left", 16, 8, "words before each row"),
            Field("right", 24, 8, "words after each row"),
        ),
    ),
)  # fmt: skip

ST_REGISTERS = _DMA_STRIDES

_MAC_LEVELS = ("mac_x", "mac_y", "mac_kw", "mac_kh", "mac_cb", "mac_ob")
_VEC_LEVELS = ("vec_kx", "vec_ky", "vec_x", "vec_y", "vec_b")

EX_REGISTERS = (
    *(Register(n, i, f"loop {n[4:]} of MAC", _level(n[4:])) for i, n in enumerate(_MAC_LEVELS)),
    Register(
        "mac_tile", 6, "weight tiles and accumulators",
        (
            Field("rows", 0, 8, "rows of a weight tile"),
            Field("row_first", 8, 8, "first active row in the first channel block"),
            Field("row_end", 16, 8, "active rows in the last channel block"),
        ),
    ),
    Register(
        "mac_output", 7, "where results go",
        (
            Field("acc_stride", 0, 16, "ACC words from one ob to the next", signed=True),
            Field("warm", 16, 8, "depthwise: reads before a row's first result"),
            Field("step", 24, 8, "depthwise: reads from one result to the next"),
        ),
    ),
    Register(
        "mac_format", 8, "operands",
        (
            Field("format", 0, 2, "weight code", names=WEIGHT_FORMATS),
            Field("bits", 4, 4, "b of the code (pwlq stores b + 1)"),
            Field("unsigned", 8, 1, "activations are uint8"),
            Field("zero_point", 16, 9, "of the activations; xe is taken modulo 2^9", signed=True),
        ),
    ),
    Register("subset_selectors", 9, "lane i of weight_decode at bits 4i+3..4i", _word("8 x u4")),
    *(Register(n, 10 + i, f"loop {n[4:]} of RQ and VEC", _level(n[4:]))
      for i, n in enumerate(_VEC_LEVELS)),
    *(
        Register(
            f"{n}_out", 15 + i, f"steps of loop {n[4:]} in ACC and in the output",
            (
                Field("out", 0, 16, "ACT words written", signed=True),
                Field("acc", 16, 16, "ACC words", signed=True),
            ),
        )
        for i, n in enumerate(_VEC_LEVELS)
    ),
    Register(
        "rq_output", 20, "output of RQ and of VEC add",
        (
            Field("zero_point", 0, 9, "added after the shift", signed=True),
            Field("low", 9, 9, "least output", signed=True),
            Field("high", 18, 9, "greatest output", signed=True),
        ),
    ),
    Register(
        "rq_mode", 21, "rounding and operands of RQ and VEC",
        (
            Field(
                "rounding", 0, 3, "rounding mode of RQ and VEC add, where 6 and 7 are half_up",
                names=ROUNDINGS,
            ),
            Field("unsigned", 4, 1, "ACT operands of RQ and VEC are uint8"),
            Field("pwlq_bits", 8, 4, "b of the layer: n = 2^((b-1) mod 16) - 1"),
        ),
    ),
    *(Register(f"add_multiplier{i}", 22 + i, f"VEC add: M of {what}", _word("the low 31 bits"))
      for i, what in enumerate(("operand 0", "operand 1", "the output"))),
    Register(
        "add_shift", 25, "VEC add: right shifts",
        tuple(Field(f"shift{i}", 8 * i, 7, "the low 6 bits") for i in range(3)),
    ),
    Register(
        "add_zero_point", 26, "VEC add: zero points of the operands",
        tuple(
            Field(f"zero_point{i}", 16 * i, 9, "subtracted, modulo 2^9", signed=True)
            for i in range(2)
        ),
    ),
)  # fmt: skip

REGISTERS = {"LD": LD_REGISTERS, "EX": EX_REGISTERS, "ST": ST_REGISTERS}

ID = 0x3055_504E
"""What the control register `id` reads: "NPU0" in ASCII, first letter lowest."""

CONTROL = (
    Register("id", 0x00, "read only", _word('"NPU0"')),
    Register("version", 0x04, "read only", _word("isa VERSION")),
    Register(
        "params0", 0x08, "read only",
        (
            Field("size", 0, 8, "rows and columns of the array"),
            Field("bus_bytes", 8, 8, "bytes of a beat"),
            Field("uniform_bits", 16, 4, "8, 4, or 0: uniform not built in"),
            Field("subset", 20, 1, "subset is built in"),
            Field("pwlq_bits", 24, 4, "greatest b of pwlq, 0: not built in"),
        ),
    ),
    Register(
        "params1", 0x0C, "read only",
        (
            Field("act_banks", 0, 4, "banks of ACT"),
            Field("wgt_banks", 4, 4, "banks of WGT"),
            Field("par_banks", 8, 4, "banks of PAR"),
            Field("burst_log2", 12, 4, "log2 of the longest burst in beats"),
        ),
    ),
    Register(
        "params2", 0x10, "read only: log2 of words",
        (
            Field("act_log2", 0, 8, "of an ACT bank"),
            Field("wgt_log2", 8, 8, "of a WGT bank"),
            Field("par_log2", 16, 8, "of a PAR bank"),
            Field("acc_log2", 24, 8, "of ACC"),
        ),
    ),
    Register("program_base", 0x20, "byte address, multiple of 128", _word("address")),
    Register("program_length", 0x24, "instructions", _word("count")),
    Register("start", 0x28, "write 1 to start", (Field("start", 0, 1, "start"),)),
    Register(
        "status", 0x2C, "read only",
        (
            Field("running", 0, 1, "a program runs"),
            Field("done", 1, 1, "the program reached HALT"),
            Field("fault", 2, 1, "the program ended by a fault"),
        ),
    ),
    Register(
        "fault", 0x30, "read only",
        (
            Field("cause", 0, 8, "place in FAULTS"),
            Field("engine", 8, 2, "place in ENGINES"),
        ),
    ),
    Register("fault_pc", 0x34, "read only", _word("instruction")),
    Register("halt_code", 0x38, "read only", _word("code of HALT")),
    Register("interrupt_enable", 0x3C, "irq_o = enable and (done or fault)",
             (Field("enable", 0, 1, "enable"),)),
    *(Register(f"region{i}", 0x40 + 4 * i, "byte address, multiple of the beat", _word("address"))
      for i in range(REGION_COUNT)),
    Register("cycles", 0x80, "read only: cycles of the run", _word("cycles")),
    *(
        Register(f"{engine.lower()}_{counter}", 0x90 + 16 * e + 4 * c, "read only", _word("cycles"))
        for e, engine in enumerate(("LD", "EX", "ST"))
        for c, counter in enumerate(("busy", "stall_fetch", "stall_prev", "stall_next"))
    ),
)  # fmt: skip
