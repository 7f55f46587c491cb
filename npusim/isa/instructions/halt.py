"""HALT: waits as FENCE does, then ends the run with its code."""

from __future__ import annotations

from npusim.isa import page
from npusim.isa.fields import Field, Format, Register

FORMAT = Format(
    "HALT", 8, ("FETCH",), "wait as FENCE, then end the run",
    (Field("code", 16, 16, "what the program says at its end"),),
)  # fmt: skip
REGISTERS: tuple[Register, ...] = ()

rules, hazards, nests = page.no_rules, page.no_hazards, page.no_nests
transfer, banks, counts = page.no_transfer, page.no_banks, page.no_counts
cycles = page.as_the_engines_end
