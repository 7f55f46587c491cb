"""DRAM parts by name: clocks of a speed grade, and energies from the currents of its data sheet.

Times in nanoseconds are rounded up to clocks, as JEDEC says. Energies are those of Micron's power
calculators (TN-40-07, "Calculating memory power for DDR4 SDRAM", and TN-46-03 before it), where
IDD x VDD is the power of all rails of one chip in a loop of commands:

    ACT and PRE   (IDD0 tRC - IDD3N tRAS - IDD2N (tRC - tRAS)) VDD
    RD, WR        (IDD4R - IDD3N) VDD tBL,  (IDD4W - IDD3N) VDD tBL
    REF           (IDD5B - IDD3N) VDD tRFC
    background    IDD3N VDD: rows are left open
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from npusim.machines.dram import Dram


@dataclass(frozen=True)
class Currents:
    """Currents of one supply of one chip, in mA."""

    volts: float
    idd0: float
    idd2n: float
    idd3n: float
    idd4r: float
    idd4w: float
    idd5b: float


def part(
    name: str, megahertz: int, sizes: Mapping[str, int], clocks: Mapping[str, int],
    nanoseconds: Mapping[str, float], supplies: tuple[Currents, ...], chips: int = 1,
) -> Dram:  # fmt: skip
    """Return a part; `nanoseconds`, `clocks`: its times, one or the other."""
    rounded = {key: ceil(ns * megahertz / 1000 - 1e-9) for key, ns in nanoseconds.items()}
    all_clocks = {**clocks, **rounded}
    t = {key: count / megahertz for key, count in all_clocks.items()}  # us: mW x us = nJ

    def pj(milliwatts: float) -> float:
        return round(1000 * milliwatts * chips, 1)

    def power(key: str) -> float:
        return sum(one.volts * (getattr(one, key) - one.idd3n) for one in supplies)

    standby = sum(one.volts * one.idd2n for one in supplies)
    active = sum(one.volts * one.idd3n for one in supplies)
    loop = sum(one.volts * one.idd0 for one in supplies)
    precharged = t["tRC"] - t["tRAS"]
    return Dram(
        part=name, clock_hz=megahertz * 10**6, **sizes,
        **{f"{key}_clocks": count for key, count in all_clocks.items()},
        activate_pj=pj(loop * t["tRC"] - active * t["tRAS"] - standby * precharged),
        read_pj=pj(power("idd4r") * t["tBL"]), write_pj=pj(power("idd4w") * t["tBL"]),
        refresh_pj=pj(power("idd5b") * t["tRFC"]), background_mw=round(active * chips, 3),
    )  # fmt: skip


LPDDR4_3200 = part(
    "LPDDR4-3200",
    1600,
    {"access_bytes": 32, "row_bytes": 2048, "banks": 8, "bank_groups": 1},
    {"tCL": 28, "tCWL": 14, "tBL": 8, "tCCD_S": 8, "tCCD_L": 8, "tRTW": 30, "tREFI": 6246},
    {
        "tRCD": 18, "tRP": 18, "tRAS": 42, "tRC": 60, "tRRD_S": 10, "tRRD_L": 10, "tFAW": 40,
        "tRTP": 7.5, "tWR": 18, "tWTR_S": 10, "tWTR_L": 10, "tRFC": 280,
    },
    (
        Currents(1.8, 3.5, 2.0, 2.25, 2.25, 2.25, 10.0),
        Currents(1.1, 45.0, 27.0, 30.0, 275.0, 210.0, 90.0),
        Currents(1.1, 0.75, 0.75, 0.75, 150.0, 55.0, 0.75),
    ),
)  # fmt: skip
"""One channel of 16 pins of an 8 Gb die, bursts of 16: 6.4 GB/s.

Times: JESD209-4, LPDDR4-3200, read latency with DBI off, write latency set A; RD to WR is RL +
tDQSCK (3.5 ns) + BL/2 - WL + tWPRE. Currents: VDD1, VDD2 and VDDQ, pins included, of Micron's
LPDDR4-3200, as in the memspec MICRON_6Gb_LPDDR4-3200_32bit_A of DRAMSys and DRAMPower; IDD5 is that
of all banks in a burst of refreshes."""

DDR4_2400 = part(
    "DDR4-2400",
    1200,
    {"access_bytes": 16, "row_bytes": 2048, "banks": 8, "bank_groups": 2},
    {
        "tCL": 17, "tCWL": 12, "tBL": 4, "tRCD": 17, "tRP": 17, "tCCD_S": 4, "tCCD_L": 6,
        "tRTW": 11, "tREFI": 9360,
    },
    {
        "tRAS": 32, "tRC": 46.16, "tRRD_S": 5.3, "tRRD_L": 6.4, "tFAW": 30, "tRTP": 7.5,
        "tWR": 15, "tWTR_S": 2.5, "tWTR_L": 7.5, "tRFC": 350,
    },
    (Currents(1.2, 80.0, 34.0, 47.0, 243.0, 228.0, 280.0),),
)  # fmt: skip
"""One chip of 16 pins, 8 Gb, bursts of 8: 4.8 GB/s.

Times: JESD79-4, DDR4-2400R (17-17-17), pages of 2 KB; RD to WR is CL + BL/2 + 2 - CWL. Currents:
VDD of Micron's 8Gb DDR4 data sheet (MT40A512M16), as in DDR4_8Gb_x16_2400.ini of DRAMsim3; VPP,
and what the pins give to the termination, are not in them."""

PARTS: Mapping[str, Dram] = {found.part: found for found in (LPDDR4_3200, DDR4_2400)}
DEFAULT = LPDDR4_3200


def keys_of_part(name: Any) -> dict[str, Any] | None:
    """Return all keys of the part of that name; None where there is none."""
    found = PARTS.get(name) if isinstance(name, str) else None
    return None if found is None else {key: getattr(found, key) for key in found.__struct_fields__}
