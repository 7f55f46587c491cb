"""The DRAM of memory model `dram`: its banks and rows, its times in clocks, its energies.

The keys are JEDEC's names, as in data sheets, Ramulator and DRAMsim. What they mean together is in
docs/architecture.md, section 5; parts that come with npusim are in parts.py.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from npusim.toml_tables import IllegalValue, Table, count, powers


def clocks(meaning: str) -> msgspec.Meta:
    """Return the annotation of a time in clocks of the DRAM."""
    return count(1, 1 << 16, f"{meaning}, in clocks of the DRAM")


def picojoules(meaning: str) -> msgspec.Meta:
    """Return the annotation of the energy of a command."""
    return msgspec.Meta(ge=0.0, le=1e9, description=f"energy of {meaning}, of all chips")


class Dram(Table, frozen=True):
    """Banks, rows and times of the DRAM behind all three ports; only model `dram` looks at them.

    Attributes
    ----------
    part
        Whose values stand for keys that a file leaves out.
    access_bytes
        What one RD or WR moves: data pins / 8 times the burst length.
    row_bytes
        A page of one bank, over all chips.
    banks
        In all groups together; `bank_groups` is 1 where the standard has none.
    """

    prefix: ClassVar[str] = "dram."
    part: str
    clock_hz: Annotated[int, count(10**6, 10**11, "clocks of the DRAM's commands in a second")]
    access_bytes: Annotated[int, powers(16, 256, "bytes that a RD or WR moves")]
    row_bytes: Annotated[int, powers(256, 1 << 16, "bytes of an open row (page) of a bank")]
    banks: Annotated[int, powers(1, 64, "banks, in all groups together")]
    bank_groups: Annotated[int, powers(1, 8, "bank groups; 1: the standard has none")]
    tCL_clocks: Annotated[int, clocks("RD to its first data")]
    tCWL_clocks: Annotated[int, clocks("WR to its first data")]
    tBL_clocks: Annotated[int, clocks("data of an access on the pins")]
    tRCD_clocks: Annotated[int, clocks("ACT to RD or WR of the bank")]
    tRP_clocks: Annotated[int, clocks("PRE to ACT or REF of the bank")]
    tRAS_clocks: Annotated[int, clocks("ACT to PRE of the bank")]
    tRC_clocks: Annotated[int, clocks("ACT to ACT of the bank")]
    tRRD_S_clocks: Annotated[int, clocks("ACT to ACT of any bank")]
    tRRD_L_clocks: Annotated[int, clocks("ACT to ACT in one group")]
    tFAW_clocks: Annotated[int, clocks("window of at most four ACT")]
    tCCD_S_clocks: Annotated[int, clocks("RD to RD, WR to WR")]
    tCCD_L_clocks: Annotated[int, clocks("RD to RD, WR to WR in one group")]
    tRTP_clocks: Annotated[int, clocks("RD to PRE of the bank")]
    tWR_clocks: Annotated[int, clocks("last data of WR to PRE of the bank")]
    tWTR_S_clocks: Annotated[int, clocks("last data of WR to RD")]
    tWTR_L_clocks: Annotated[int, clocks("last data of WR to RD in one group")]
    tRTW_clocks: Annotated[int, clocks("RD to WR")]
    tREFI_clocks: Annotated[int, count(1, 1 << 30, "refresh to refresh, in clocks of the DRAM")]
    tRFC_clocks: Annotated[int, clocks("REF to ACT")]
    activate_pj: Annotated[float, picojoules("an ACT and its PRE")]
    read_pj: Annotated[float, picojoules("a RD")]
    write_pj: Annotated[float, picojoules("a WR")]
    refresh_pj: Annotated[float, picojoules("a REF")]
    background_mw: Annotated[float, msgspec.Meta(
        ge=0.0, le=1e6, description="power of the DRAM that stands by, of all chips"
    )]  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("banks", self.banks, self.bank_groups, "dram.bank_groups")
        least = self.access_bytes * self.bank_groups
        self._require(
            "row_bytes", self.row_bytes, least, "dram.access_bytes times dram.bank_groups"
        )
        self._require("tCCD_S_clocks", self.tCCD_S_clocks, self.tBL_clocks, "dram.tBL_clocks")
        busy = self.tRFC_clocks + self.tRP_clocks + 1
        self._require("tREFI_clocks", self.tREFI_clocks, busy, "dram.tRFC_clocks + tRP_clocks + 1")

    def _require(self, key: str, found: int, least: int, name: str) -> None:
        if found < least:
            raise IllegalValue(f"dram.{key}: expected at least {name} = {least}, found {found}")
