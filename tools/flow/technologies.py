"""What the timing flow assumes of each technology, and its library with the wires folded in.

Wires: every sink of a net adds a length of wire of 0.2 fF/um, 10 um in 45 nm and as many times
longer as the feature size in 130 nm, without resistance. As each sink adds the same, it stands in
the capacitance of its pin: mapping, which then buffers and sizes for it, and analysis read one
library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tools.flow.liberty_syntax import read_text


@dataclass(frozen=True)
class Technology:
    """A library and the assumptions of the flow; times in ns, capacitances in fF."""

    name: str
    title: str
    library: str
    """Below the folder of the libraries."""
    feature_nm: int
    target_ns: float
    """Of a path, for mapping: shorter than what closes, so that it sizes for speed."""
    uncertainty_ns: float
    wire_ff: float
    """That a sink adds to its net."""
    farads: float
    """fF in the library's unit of capacitance."""
    driver: str
    """Cell that drives an input."""
    buffer: str
    """Of trees: input A, drives `buffer_ff`."""
    buffer_ff: float
    filling: float
    """Share of the greatest load of a cell's tables from which on its net gets a tree."""
    registers: tuple[str, str]
    """The library's register, and the next stronger."""


TECHNOLOGIES = (
    Technology("nangate45", "Nangate45", "nangate45/nangate45_typ.lib.gz", 45, 1.0, 0.05, 2.0, 1.0,
               "BUF_X2", "BUF_X4", 60.0, 0.4, ("DFF_X1", "DFF_X2")),
    Technology("ihp_sg13g2", "IHP SG13G2", "ihp_sg13g2/sg13g2_stdcell_typ_1p20V_25C.lib.gz", 130,
               3.0, 0.15, 5.8, 1e3, "sg13g2_buf_2", "sg13g2_buf_4", 150.0, 0.4,
               ("sg13g2_dfrbpq_1", "sg13g2_dfrbpq_2")),
)  # fmt: skip
"""Typical corners; the uncertainty of the clock holds skew and jitter."""

_WIRE_LOADS = re.compile(r'\bwire_load(?:_selection)?\s*\([^)]*\)\s*\{[^}]*\}|default_wire_load\w*'
                         r'\s*:[^;]*;')  # fmt: skip
_CAPACITANCE = re.compile(r"\b((?:rise_|fall_)?capacitance)\s*:\s*([\d.eE+-]+)\s*;")


def with_wires(technology: Technology, libraries: Path) -> str:
    """Return the library's text in which an input pin carries its share of the wire."""
    text = _WIRE_LOADS.sub("", read_text(libraries / technology.library))
    more = technology.wire_ff / technology.farads

    def widened(found: re.Match[str]) -> str:
        value = float(found[2])
        return f"{found[1]} : {value + more if value else value:.6g};"  # outputs have 0

    return _CAPACITANCE.sub(widened, text)
