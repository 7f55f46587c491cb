"""FENCE: dispatch goes on when every queue and engine is empty. FETCH carries it out."""

from __future__ import annotations

from npusim.isa import page
from npusim.isa.fields import Format, Register

FORMAT = Format("FENCE", 7, ("FETCH",), "dispatch goes on when every queue and engine is empty")
REGISTERS: tuple[Register, ...] = ()

rules, hazards, nests = page.no_rules, page.no_hazards, page.no_nests
transfer, banks, counts = page.no_transfer, page.no_banks, page.no_counts
cycles = page.as_the_engines_end
