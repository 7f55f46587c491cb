"""Constants that no compiler writes: shifts beyond 62, sums beyond 63 bits.

Both sides do with them what docs/architecture.md, section 1, says.
"""

from __future__ import annotations

import numpy as np
import pytest

from npusim.cosim.npu.compare import compare_code
from npusim.isa.assembly import assemble
from npusim.isa.encoding import encode_program
from npusim.isa.spec import ROUNDINGS
from npusim.machines import Machine
from npusim.simulator.machine.state import new_dram

NANO = Machine.load("nano")
CODE_ADDRESS = 8192
PAR_OFFSET, PAR_BYTES = 1024, 32 * 16
SETUP = f"""
LD target=ACT plain=1 address=0 banks=0x1 columns=100
LD target=WGT offset=100 address=0 banks=0x1 columns=100
LD target=PAR offset={PAR_OFFSET // 4} signal_next=1 address=0 banks=0x1 columns=32
CFG engine=EX wait_prev=1 index=mac_x mac_x.count=5 mac_x.stride=1 mac_y.count=2 mac_kw.count=1
CFG engine=EX index=mac_kh mac_kh.count=1 mac_cb.count=1 mac_ob.count=1
CFG engine=EX index=mac_tile mac_tile.rows=4 mac_tile.row_end=4 mac_output.step=1 mac_format.bits=8
MAC read_banks=0x1 wgt_banks=0x1
CFG engine=EX index=vec_kx vec_kx.count=4 vec_kx.stride=1 vec_x.count=3 vec_x.stride=1
CFG engine=EX index=vec_y vec_y.count=2 vec_y.stride=9 vec_b.count=4
CFG engine=EX index=vec_x_out vec_x_out.out=1 vec_x_out.acc=1
"""
RQ = """
CFG engine=EX index=rq_output rq_output.low={low} rq_output.high={high} \
rq_output.zero_point={zero} rq_mode.rounding={rounding}
RQ act_terms=0xa read_banks=0x1 write_banks=0x2 out=256 par_banks=0x1
"""
ADD_TAPS = """
CFG engine=EX index=vec_kx vec_kx.count=2 vec_kx.stride=1 vec_ky.count=1 vec_x.count=3
CFG engine=EX index=vec_x vec_x.count=3 vec_x.stride=1 vec_y.count=2 vec_y.stride=9 vec_b.count=4
"""
ADD = """
CFG engine=EX index=add_multiplier0 value0={word0} value1={word1} value2={word2}
CFG engine=EX index=add_shift value0={shifts} add_zero_point.zero_point0={zero0} \
add_zero_point.zero_point1={zero1}
CFG engine=EX index=rq_output rq_output.low=-128 rq_output.high=127 rq_mode.rounding={rounding}
VEC op=add read_banks=0x1 write_banks=0x2 out=256
"""


def parameters(rng: np.random.Generator) -> np.ndarray:
    """Return PAR words: any bits, every second bias at an end of its range."""
    words = rng.integers(0, 1 << 32, (32, 4), dtype=np.uint32)
    words[1::14] = 0x3FFFFFFF
    words[8::14] = 0x40000000
    return words.reshape(-1).view(np.uint8)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seed", range(3))
def test_any_words_in_par(seed):
    rng = np.random.default_rng(seed)
    dram = new_dram(NANO)
    dram[:PAR_OFFSET] = rng.integers(0, 256, PAR_OFFSET)
    dram[PAR_OFFSET : PAR_OFFSET + PAR_BYTES] = parameters(rng)
    text = SETUP
    for rounding in ROUNDINGS:
        low, high = rng.integers(-256, 256, 2)
        text += RQ.format(low=low, high=high, zero=rng.integers(-256, 256), rounding=rounding)
    code = encode_program(assemble(text + "HALT\n"))
    found = compare_code(code, NANO, dram, [0] * 8, CODE_ADDRESS)
    assert not found.difference, found.difference


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_any_multipliers_and_shifts_of_add():
    rng = np.random.default_rng(4)
    dram = new_dram(NANO)
    dram[:PAR_OFFSET] = rng.integers(0, 256, PAR_OFFSET)
    text = SETUP + ADD_TAPS
    for rounding in ROUNDINGS * 3:
        word0, word1, word2, shifts = rng.integers(0, 1 << 32, 4)
        zero0, zero1 = rng.integers(-128, 128, 2)
        text += ADD.format(
            word0=word0, word1=word1, word2=word2, shifts=shifts, zero0=zero0, zero1=zero1,
            rounding=rounding,
        )  # fmt: skip
    code = encode_program(assemble(text + "HALT\n"))
    found = compare_code(code, NANO, dram, [0] * 8, CODE_ADDRESS)
    assert not found.difference, found.difference
