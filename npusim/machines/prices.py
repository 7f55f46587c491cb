"""The tables of a machine's file that price cycles: its clock, its energy, the host beside it.

The compiler and the RTL know nothing of them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from npusim.toml_tables import Table, count
from npusim.words import Technology


class Clock(Table, frozen=True):
    """What turns cycles into seconds."""

    prefix: ClassVar[str] = "clock."
    frequency_hz: Annotated[int, count(1, 10**11, "cycles in a second")]


class Energy(Table, frozen=True):
    """What turns events into energy: docs/energy.md.

    Attributes
    ----------
    technology
        The table of cells and memories that prices the machine's own events.
    dram_pj_per_bit
        Energy of a bit that is moved to or from DRAM, interface included. The default is
        Horowitz, "Computing's energy problem", ISSCC 2014: 1.3 nJ for 64 bits (to 2.6 nJ).
    clock_gating
        Of which netlist the energy and area are: with integrated clock gates in place of the
        RTL's enables, or with multiplexers.
    """

    prefix: ClassVar[str] = "energy."
    technology: Technology
    dram_pj_per_bit: Annotated[
        float, msgspec.Meta(ge=0.0, le=1e6, description="of a bit moved to or from DRAM")
    ]
    clock_gating: bool


class Host(Table, frozen=True):
    """The core beside the NPU that computes what the machine cannot: npusim/cost/host.py.

    Attributes
    ----------
    frequency_hz
        Its own clock.
    call_cycles
        Of each node: the interrupt, the call, the loop's start.
    cycles_per_element, cycles_per_mac
        Of each value that an operator reads (or writes, where they are more), and of each
        multiply-accumulate.
    bytes_per_cycle
        What it moves to and from DRAM at most.
    pj_per_cycle
        Energy of a cycle. The default is Horowitz, "Computing's energy problem", ISSCC 2014:
        70 pJ for an instruction of a simple core in 45 nm.
    """

    prefix: ClassVar[str] = "host."
    frequency_hz: Annotated[int, count(1, 10**11, "cycles of the host in a second")]
    call_cycles: Annotated[int, count(0, 10**9, "cycles of the host for each node")]
    cycles_per_element: Annotated[
        float, msgspec.Meta(ge=0.0, le=1e6, description="cycles of the host for each value")
    ]
    cycles_per_mac: Annotated[
        float, msgspec.Meta(ge=0.0, le=1e6, description="cycles of the host for each MAC")
    ]
    bytes_per_cycle: Annotated[
        float, msgspec.Meta(gt=0.0, le=1e6, description="bytes to and from DRAM in a host cycle")
    ]
    pj_per_cycle: Annotated[
        float, msgspec.Meta(ge=0.0, le=1e9, description="energy of a cycle of the host")
    ]


SIMPLE_CORE = Host(500_000_000, 200, 8.0, 2.0, 4.0, 70.0)
"""What a file without [host] means: a core of one instruction a cycle without vectors."""

NANGATE = Energy("nangate45", 20.0, True)
"""What a file without [energy] means."""
