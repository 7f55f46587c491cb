"""Control registers of the machine, as data; those of its engines stand on instructions' pages."""

from __future__ import annotations

from npusim.isa.fields import Field, Register, number
from npusim.isa.spec import REGION_COUNT

ID = 0x3055_504E
"""What the control register `id` reads: "NPU0" in ASCII, first letter lowest."""

CONTROL = (
    Register("id", 0x00, "read only", number('"NPU0"')),
    Register("version", 0x04, "read only", number("isa VERSION")),
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
    Register("program_base", 0x20, "byte address, multiple of 128", number("address")),
    Register("program_length", 0x24, "instructions", number("count")),
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
    Register("fault_pc", 0x34, "read only", number("instruction")),
    Register("halt_code", 0x38, "read only", number("code of HALT")),
    Register("interrupt_enable", 0x3C, "irq_o = enable and (done or fault)",
             (Field("enable", 0, 1, "enable"),)),
    *(Register(f"region{i}", 0x40 + 4 * i, "byte address, multiple of the beat", number("address"))
      for i in range(REGION_COUNT)),
    Register("cycles", 0x80, "read only: cycles of the run", number("cycles")),
    *(
        Register(f"{engine}_{counter}", 0x90 + 16 * e + 4 * c, "read only", number("cycles"))
        for e, engine in enumerate(("ld", "ex", "st"))
        for c, counter in enumerate(("busy", "stall_fetch", "stall_prev", "stall_next"))
    ),
)  # fmt: skip
