"""Control registers of the machine, as data; those of its engines stand on instructions' pages."""

from __future__ import annotations

from npusim.isa.fields import Field, Register, number
from npusim.isa.spec import QUEUED_ENGINES, REGION_COUNT
from npusim.machines.machine import PARAMETERS

ID = 0x3055_504E
"""What the control register `id` reads: "NPU0" in ASCII, first letter lowest."""

PARAMETER_REGISTERS = {"params0": 0x08, "params1": 0x0C, "params2": 0x10, "params3": 0x14}
_COUNTERS = {
    "busy": "an instruction is carried out",
    "stall_fetch": "the queue is empty",
    "stall_prev": "waits for the engine before",
    "stall_across": "waits for the engine after the next",
    "stall_next": "waits for the engine behind",
}


def _built(register: str) -> tuple[Field, ...]:
    rows = (row for row in PARAMETERS if row.register == register)
    return tuple(Field(row.field, row.low, row.width_bits, row.field_meaning) for row in rows)


CONTROL = (
    Register("id", 0x00, "what the machine is", number('"NPU0"'), "r"),
    Register("version", 0x04, "of the instruction set", number("isa VERSION"), "r"),
    *(Register(name, index, "what the machine is built with", _built(name), "r")
      for name, index in PARAMETER_REGISTERS.items()),
    Register("program_base", 0x20, "byte address, multiple of 128", number("address")),
    Register("program_length", 0x24, "instructions", number("count")),
    Register("start", 0x28, "write 1 to start", (Field("start", 0, 1, "start"),), "w"),
    Register(
        "status", 0x2C, "where the run is",
        (
            Field("running", 0, 1, "a program runs"),
            Field("done", 1, 1, "the program reached HALT"),
            Field("fault", 2, 1, "the program ended by a fault"),
        ),
        "r",
    ),
    Register(
        "fault", 0x30, "why it ended",
        (
            Field("cause", 0, 8, "place in FAULTS"),
            Field("engine", 8, 3, "place in ENGINES"),
        ),
        "r",
    ),
    Register("fault_pc", 0x34, "where it ended", number("instruction"), "r"),
    Register("halt_code", 0x38, "what the program said", number("code of HALT"), "r"),
    Register("interrupt_enable", 0x3C, "irq_o = enable and (done or fault)",
             (Field("enable", 0, 1, "enable"),)),
    *(Register(f"region{i}", 0x40 + 4 * i, "byte address, multiple of the beat", number("address"))
      for i in range(REGION_COUNT)),
    Register("cycles", 0x80, "of the run", number("cycles"), "r"),
    *(
        Register(
            f"{engine.lower()}_{counter}", 0x90 + 4 * (len(_COUNTERS) * e + c), what,
            number("cycles"), "r",
        )
        for e, engine in enumerate(QUEUED_ENGINES)
        for c, (counter, what) in enumerate(_COUNTERS.items())
    ),
)  # fmt: skip
