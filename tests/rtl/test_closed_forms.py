"""Cycles of hand-written programs against docs/architecture.md, worked out here and by hand.

The simulator is not asked: what stands in `expected` is the page's arithmetic.
"""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from npusim.cosim.npu.run import RtlRun, run_code
from npusim.isa.assembly import assemble
from npusim.isa.encoding import encode_program
from npusim.isa.spec import QUEUED_ENGINES
from npusim.machines import Machine

CODE_ADDRESS = 8192
NANO = Machine.load("nano")
L_SUBTRACT, L_COLUMN, L_REQUANTIZE, L_POOL, L_LOOKUP, L_ADD = 1, 2, 8, 1, 1, 5
L_READ = 2
LANES = 4
"""Of nano share a requantizer, and a lookup."""
LOAD = 2 + 1  # MAC_LOAD_CYCLES and the decoder's latency, beside the rows


def run(text: str, dram: np.ndarray | None = None) -> RtlRun:
    data = np.zeros(CODE_ADDRESS, np.uint8) if dram is None else dram
    return run_code(encode_program(assemble(text)), NANO, data, [0] * 8, CODE_ADDRESS)


def durations(result: RtlRun) -> dict[int, int]:
    """Return pc -> R - I."""
    issue, found = {}, {}
    for line in result.trace:
        cycle, _, pc, event, _ = line.split()
        if event == "issue":
            issue[int(pc)] = int(cycle)
        if event == "retire":
            found[int(pc)] = int(cycle) - issue[int(pc)]
    return found


SETUP = """
LD target=ACT plain=1 address=0 banks=0x1 columns=200
LD target=WGT address=0 banks=0x1 columns=200
LD target=PAR signal_next=1 address=0 banks=0x1 columns=16
CFG engine=MX wait_prev=1 index=mac_x mac_x.count=5 mac_x.stride=1 mac_y.count=2 mac_kw.count=1
CFG engine=MX index=mac_kh mac_kh.count=1 mac_cb.count=1 mac_ob.count=1
CFG engine=MX index=mac_tile mac_tile.rows=3 mac_tile.row_end=4 mac_output.step=1 mac_format.bits=8
CFG engine=EP index=vec_kx vec_kx.count=2 vec_ky.count=1 vec_x.count=3 vec_x.stride=1
CFG engine=EP index=vec_y vec_y.count=4 vec_b.count=1
CFG engine=EP index=vec_x_out vec_x_out.out=1 vec_x_out.acc=1
CFG engine=EP index=rq_output rq_output.low=-128 rq_output.high=127 rq_mode.rounding=half_up
"""  # pc 0 .. 9


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_durations_of_mx_and_ep_are_the_pages():
    program = (
        SETUP
        + """
MAC read_banks=0x1 wgt_banks=0x1 acc_banks=0x1
CFG engine=MX index=mac_kw mac_kw.count=3 mac_kh.count=2 mac_cb.count=1
MAC read_banks=0x1 wgt_banks=0x1 acc_banks=0x1
CFG engine=MX index=mac_x mac_x.count=1 mac_y.count=1 mac_kw.count=3
MAC read_banks=0x1 wgt_banks=0x1 acc_banks=0x1 signal_next=1
RQ act_terms=0x0 read_banks=0x1 write_banks=0x2 out=256 par_banks=0x1 acc_banks=0x1 wait_prev=1
CFG engine=EP index=vec_y vec_y.count=1 vec_b.count=2
RQ act_terms=0x2 read_banks=0x1 write_banks=0x2 out=256 par_banks=0x1 acc_banks=0x1
VEC op=copy read_banks=0x1 write_banks=0x2 out=256
VEC op=max read_banks=0x1 write_banks=0x2 out=256
VEC op=add read_banks=0x1 write_banks=0x2 out=256
VEC op=sum read_banks=0x1 write_banks=0x2 out=256 acc_banks=0x1
VEC op=table read_banks=0x1
CFG engine=EP index=vec_kx vec_kx.count=86 vec_ky.count=1 vec_x.count=3
VEC op=table read_banks=0x1
CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=3
VEC op=lookup read_banks=0x1 write_banks=0x2 out=256
VEC op=min read_banks=0x1 write_banks=0x2 out=256
CFG engine=EP index=vec_kx vec_kx.count=2 vec_ky.count=1 vec_x.count=3
VEC op=multiply read_banks=0x1 write_banks=0x2 out=256
HALT
"""
    )
    found = durations(run(program))
    drain = L_READ + 3 + L_SUBTRACT + L_COLUMN
    load = 3 + LOAD
    assert found[10] == load + 10 + drain
    assert found[12] == load + 5 * max(10, load) + 10 + drain
    assert found[14] == load + 5 * max(1, load) + 1 + drain
    assert found[15] == 1 * (3 + 2 + 4 * 3 * 2 * LANES) + L_READ + 3 + L_REQUANTIZE
    assert found[17] == 2 * (3 + 2 + 1 * 3 * 2 * LANES) + L_READ + 3 + L_REQUANTIZE
    taps = 2 * 1 * 3 * 2
    assert found[18] == taps + L_READ + 2
    assert found[19] == taps + L_READ + 2 + L_POOL
    assert found[20] == taps * LANES + L_READ + 2 + L_ADD + L_REQUANTIZE
    assert found[21] == taps + L_READ + 2 + L_POOL
    assert found[22] == taps + L_READ + 2
    assert found[24] == 2 * 86 * 3 + L_READ + 2
    assert found[26] == 6 * LANES + L_READ + 2 + L_LOOKUP
    assert found[27] == 6 + L_READ + 2 + L_POOL
    assert found[29] == 12 * LANES + L_READ + 2 + L_ADD + L_REQUANTIZE
    assert all(found[pc] == 1 for pc in (*range(3, 10), 11, 13, 16, 23, 25))


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_first_cycles_are_the_pages():
    # nano: 4 beats an instruction, latency 10: v_0 = 1, the first beat in 11, instruction i's last
    # beat in 14 + 4i, D one later, I one later still, R = I + 1.
    result = run("".join(f"CFG engine={engine}\n" for engine in QUEUED_ENGINES) + "HALT code=5\n")
    # Three registers of value 0, each behind its space (6) and its index.
    places = (bytes([6]) + index.to_bytes(4, "little") for index in range(3))
    written = f"{zlib.crc32(b''.join(place + bytes(4) for place in places)):08x}"
    assert list(result.trace) == [
        "0 LD 0 stall:fetch 16",
        "0 MX 1 stall:fetch 20",
        "0 EP 2 stall:fetch 24",
        "0 ST 3 stall:fetch 28",
        "16 LD 0 issue 0",
        "17 LD 0 retire " + written,
        "20 MX 1 issue 0",
        "21 MX 1 retire " + written,
        "24 EP 2 issue 0",
        "25 EP 2 retire " + written,
        "28 ST 3 issue 0",
        "29 ST 3 retire " + written,
        "31 FETCH 4 issue 0",
        "32 FETCH 4 retire 00000000",
    ]
    assert result.registers["cycles"] == 33
    assert result.registers["halt_code"] == 5
    assert result.registers["ld_busy"] == 2
    assert result.registers["ld_stall_fetch"] == 16


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_transfers_take_what_the_page_says():
    dram = np.arange(CODE_ADDRESS, dtype=np.int64).astype(np.uint8)
    result = run(
        """
CFG engine=LD index=row_stride row_stride.value=8 block_stride.value=64 act_stride.row=8
CFG engine=LD index=element element.beats=1 element.fill=7 pads.left=2 pads.right=1 pads.top=1
LD signal_next=1 target=ACT address=0 banks=0x1 columns=4 rows=2 blocks=1
CFG engine=MX wait_prev=1 signal_across=1
CFG engine=ST wait_across=1 index=element element.beats=1
CFG engine=ST index=row_stride row_stride.value=4 act_stride.row=8
ST offset=512 address=8 banks=0x1 columns=7 rows=2 blocks=1
HALT
""",
        dram,
    )
    found = durations(result)
    # LD at I: rows of 2 + 4 + 1 words; a row of pads in I+1..I+7, two more in I+8, I+9. The first
    # burst is asked for in I+3, the second in I+5; beats from I+13 on. Row 1: beats I+13..I+16, its
    # pad and the next row's two in I+17..I+19, beats I+20..I+23, the last pad I+24, R = I+26.
    assert found[2] == 26
    # ST at I: awvalid I+3, beats I+4..I+10; awvalid I+12, beats I+13..I+19; 10 later an answer, R.
    assert found[6] == 19 + 10 + 1
    expected = dram.copy()
    pixel = dram[:CODE_ADDRESS].reshape(-1, 4)
    for row in range(2):
        words = np.full((7, 4), 7, np.uint8)
        words[2:6] = pixel[8 * row : 8 * row + 4]
        # row 0 of the padded block is padding: ACT row 8 is the first row of the image
        expected.reshape(-1, 4)[512 + 4 * row : 512 + 4 * row + 7] = words
    assert np.array_equal(result.dram, expected)
