"""Accumulator words that are read while their write is on its way: the checker says no."""

from __future__ import annotations

import pytest

from npusim.errors import FormatError
from npusim.isa.assembly import assemble
from npusim.isa.check import check
from npusim.machines import Machine

NANO = Machine.load("nano")

SUM = """
LD target=ACT plain=1 region=0 address=0 banks=1 columns=8 signal_across=1
CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=4
CFG engine=EP index=vec_y vec_y.count=1 vec_b.count=1
CFG engine=EP index=vec_x_out vec_x_out.acc=1 wait_across=1
VEC op=sum act=0 acc=0 read_banks=1 acc_banks=1
CFG engine=EP index=vec_x_out vec_x_out.acc=STRIDE
VEC op=sum accumulate=1 act=0 acc=0 read_banks=1 acc_banks=1
HALT
"""

MAC = """
LD target=ACT plain=1 region=0 address=0 banks=1 columns=8
LD target=WGT region=0 address=0 banks=1 columns=8 signal_next=1
CFG engine=MX index=mac_x mac_x.count=4 mac_y.count=1 mac_kw.count=1
CFG engine=MX index=mac_kh mac_kh.count=1 mac_cb.count=1 mac_ob.count=2
CFG engine=MX index=mac_tile mac_tile.rows=4 mac_tile.row_end=4
CFG engine=MX index=mac_output mac_output.acc_stride=4 mac_format.bits=8
CFG engine=MX index=40 wait_prev=1
MAC act=0 acc=0 wgt=0 read_banks=1 wgt_banks=1 acc_banks=1
CFG engine=MX index=mac_output mac_output.acc_stride=STRIDE mac_format.bits=8
MAC accumulate=1 act=0 acc=0 wgt=0 read_banks=1 wgt_banks=1 acc_banks=1
HALT
"""


@pytest.mark.parametrize(("text", "stride"), [(SUM, 1), (SUM, 0), (MAC, 4), (MAC, 0), (MAC, 1)])
def test_an_accumulator_may_be_met_again_when_it_is_written(text, stride):
    program = assemble(text.replace("STRIDE", str(stride)))
    if (text is SUM) == (stride == 0) and stride != 4:
        with pytest.raises(FormatError, match=r"accumulates twice in a word"):
            check(program, NANO)
    else:
        check(program, NANO)
