"""The parts of a machine that hold and move bytes: scratchpads, bus, DRAM."""

from __future__ import annotations

from typing import Annotated, ClassVar

from npusim.toml_tables import Table, count, powers
from npusim.words import MemoryModel


class Scratchpads(Table, frozen=True):
    """Words of SIZE bytes (ACT, WGT), 4 SIZE bytes (PAR), 4 SIZE bytes and regions (ACC)."""

    prefix: ClassVar[str] = "scratchpads."
    act_banks: Annotated[int, powers(2, 8, "banks of ACT", "ACT_BANKS", "params1.act_banks", 0, 4)]
    act_bank_words: Annotated[
        int, powers(8, 8192, "words of an ACT bank", "ACT_BANK_WORDS", "params2.act_log2", 0, 8)
    ]
    wgt_banks: Annotated[int, powers(2, 4, "banks of WGT", "WGT_BANKS", "params1.wgt_banks", 4, 4)]
    wgt_bank_words: Annotated[
        int, powers(8, 16384, "words of a WGT bank", "WGT_BANK_WORDS", "params2.wgt_log2", 8, 8)
    ]
    par_banks: Annotated[int, powers(2, 4, "banks of PAR", "PAR_BANKS", "params1.par_banks", 8, 4)]
    par_bank_words: Annotated[
        int, powers(8, 16384, "words of a PAR bank", "PAR_BANK_WORDS", "params2.par_log2", 16, 8)
    ]
    acc_words: Annotated[
        int, powers(8, 65536, "words of ACC", "ACC_WORDS", "params2.acc_log2", 24, 8)
    ]
    acc_banks: Annotated[
        int, powers(2, 4, "banks of ACC", "ACC_BANKS", "params1.acc_banks", 16, 4)
    ] = 2


class Bus(Table, frozen=True):
    """The AXI4 data ports: bytes of a beat, beats of the longest burst.

    A beat is at most a word of ACT: it has the channels of one pixel.
    """

    prefix: ClassVar[str] = "bus."
    bus_bytes: Annotated[
        int, powers(4, 64, "bytes of a beat", "BUS_BYTES", "params0.bus_bytes", 8, 8)
    ]
    burst_beats: Annotated[
        int,
        powers(1, 256, "beats of the longest burst", "BURST_BEATS", "params1.burst_log2", 12, 4),
    ]


class Memory(Table, frozen=True):
    """The deterministic DRAM: docs/architecture.md, section 5."""

    prefix: ClassVar[str] = "memory."
    model: MemoryModel
    latency_cycles: Annotated[
        int,
        count(1, 65535, "cycles to the first beat; of a DRAM of banks, what the way there takes"),
    ]
    outstanding: Annotated[int, count(1, 64, "bursts on their way in each direction")]
    seed: Annotated[int, count(1, 65535, "of the random waits of model lfsr")]
    size_bytes: Annotated[int, powers(1 << 12, 1 << 31, "bytes of DRAM")]
