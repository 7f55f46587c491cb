"""The static checker accepts a convolution written by hand and names what is wrong in others."""

from __future__ import annotations

import pytest

from npusim.errors import CapacityError, FormatError, NpuError
from npusim.isa.assembly import assemble
from npusim.isa.check import check
from npusim.machines import Machine

NANO = Machine.load("nano")

CONVOLUTION = """
; 1x1 convolution of 4 pixels, 4 -> 4 channels
LD target=WGT region=0 offset=0 address=0 banks=1 columns=4
LD target=PAR region=0 offset=4 address=0 banks=1 columns=4
CFG engine=LD index=row_stride row_stride.value=2 act_stride.row=2
CFG engine=LD index=element element.beats=1
LD target=ACT region=1 address=0 banks=1 columns=2 rows=2 blocks=1 signal_next=1
CFG engine=MX index=mac_x mac_x.count=2 mac_x.stride=1 mac_y.count=2 mac_y.stride=2 mac_kw.count=1
CFG engine=MX index=mac_kh mac_kh.count=1 mac_cb.count=1 mac_ob.count=1
CFG engine=MX index=mac_tile mac_tile.rows=4 mac_tile.row_end=4 mac_format.bits=8
MAC act=0 acc=0 wgt=0 read_banks=1 wgt_banks=1 wait_prev=1 signal_next=1 acc_banks=1
CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=4
CFG engine=EP index=vec_y vec_y.count=1 vec_b.count=1
CFG engine=EP index=vec_x_out vec_x_out.acc=1 vec_x_out.out=1
RQ acc=0 out=256 write_banks=2 par=0 par_banks=1 acc_banks=1 wait_prev=1 signal_next=1
CFG engine=ST index=element element.beats=1
ST region=2 address=256 banks=2 columns=4 rows=1 blocks=1 wait_prev=1
HALT
"""
REGIONS = (4 * 20, 16, 16)


def test_a_convolution_is_accepted():
    relation = check(assemble(CONVOLUTION), NANO, REGIONS)
    assert len(relation.sequence) == len(assemble(CONVOLUTION))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("read_banks=1 wgt_banks=1 wait_prev=1", "read_banks=1 wgt_banks=1",
         "its token from LD to MX is taken by nobody; 1 left at the end"),
        ("blocks=1 signal_next=1", "blocks=1", "deadlock: pc 8 (MAC wait_prev=1"),
        ("HALT", "FENCE", "expected HALT at the end"),
        ("; 1x1", "HALT\n; 1x1", "pc 0 (HALT): HALT before the end, at 16"),
        ("mac_x.count=2 ", "", "mac_x.count is 0"),
        ("mac_x.count=2 ", "mac_x.count=3 ", "reads ACT word 4, never written"),
        ("MAC act=0", "MAC act=4096", "ACT read of words 4096..4099, there are 2048"),
        ("RQ acc=0 out=256", "RQ acc=0 out=255", "ACT write in banks 0x3, the instruction claims"),
        ("RQ acc=0", "RQ acc=1", "reads ACC word 4, never written"),
        ("par_banks=1", "par_banks=5", "PAR has 2 banks, the mask is 0x5"),
        ("write_banks=2", "write_banks=2 read_banks=2", "ACT banks 0x2 are both read and written"),
        ("ST region=2", "ST region=2 offset=1", "bytes 4..19 of region 2, which has 16 bytes"),
        ("mac_format.bits=8", "mac_format.bits=9", "uniform of 9 bits is not built in (2..8)"),
        ("mac_tile.rows=4", "mac_tile.rows=5", "mac_tile.rows: expected 1..4, found 5"),
        ("index=element element.beats=1\nST", "index=element element.beats=2\nST",
         "element.beats: expected 1..1, found 2"),
        ("RQ acc=0", "RQ pwlq=1 acc=0", "reads ACC word 0, never written"),
        ("RQ acc=0", "VEC op=lookup", None),
    ],
)  # fmt: skip
def test_a_bad_program_is_named(old, new, message):
    text = CONVOLUTION.replace(old, new, 1)
    assert text != CONVOLUTION
    if message is None:
        text = text.replace("par=0 par_banks=1", "read_banks=1")
        message = "looks up in a table of 256 entries, of which 0 were loaded"
    with pytest.raises(NpuError) as error:
        check(assemble(text), NANO, REGIONS)
    assert message in str(error.value)
    assert isinstance(error.value, FormatError | CapacityError)


def test_a_lookup_needs_the_whole_table():
    text = """
    LD target=ACT plain=1 region=1 address=0 banks=1 columns=64 signal_across=1
    CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=64 vec_x.stride=1
    CFG engine=EP index=vec_y vec_y.count=1 vec_b.count=1 wait_across=1
    VEC op=table read_banks=1
    CFG engine=EP index=vec_x vec_x.count=1 vec_y.count=1 vec_b.count=1
    VEC op=lookup out=256 read_banks=1 write_banks=2
    HALT
    """
    check(assemble(text), NANO)
    with pytest.raises(FormatError, match="a table of 256 entries, of which 252 were loaded"):
        check(assemble(text.replace("vec_x.count=64", "vec_x.count=63")), NANO)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ("vec_x.count=65535", "vec_x.count=65535 vec_x.stride=1", "ACT read of words 0..65598, th"),
        ("vec_kx.stride=1", "vec_kx.stride=2", "reads ACT word 65, never written"),
        ("op=max", "op=sum", None),
        ("op=max", "op=sum accumulate=1", "accumulates twice in a word"),
    ],
)  # fmt: skip
def test_a_nest_too_long_to_list(old, new, message):
    text = """
    LD target=ACT plain=1 region=1 address=0 banks=1 columns=65 signal_across=1
    CFG engine=EP index=vec_kx vec_kx.count=64 vec_kx.stride=1 vec_ky.count=2 vec_ky.stride=1
    CFG engine=EP index=vec_x vec_x.count=65535 vec_y.count=65535 vec_b.count=65535 wait_across=1
    VEC op=sum read_banks=1 acc_banks=1
    VEC op=max out=256 read_banks=1 write_banks=2 acc_banks=1
    HALT
    """.replace(old, new, 1)
    if message is None:
        check(assemble(text), NANO)
    else:
        with pytest.raises(NpuError, match=message):
            check(assemble(text), NANO)


def test_a_pwlq_sum_is_added_to_in_all_its_regions():
    more = """CFG engine=MX index=mac_format mac_format.format=pwlq mac_format.bits=4
    MAC accumulate=1 act=0 acc=0 wgt=0 read_banks=1 wgt_banks=1 acc_banks=1 signal_next=1
    CFG engine=EP index=vec_kx"""
    text = CONVOLUTION.replace("wait_prev=1 signal_next=1 acc_banks", "wait_prev=1 acc_banks", 1)
    text = text.replace("CFG engine=EP index=vec_kx", more)
    with pytest.raises(FormatError, match=r"accumulate=1 .* reads ACC word 0, never written"):
        check(assemble(text), NANO)
    text = text.replace("mac_format.bits=8", "mac_format.format=pwlq mac_format.bits=4")
    check(assemble(text), NANO)


def test_banks_need_a_token_between_engines():
    text = """
    LD target=ACT plain=1 region=1 address=0 banks=1 columns=1 signal_across=1
    CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=1
    CFG engine=EP index=vec_y vec_y.count=1 vec_b.count=1
    VEC op=copy act=0 out=256 read_banks=1 write_banks=2 wait_across=1
    LD target=ACT plain=1 region=1 address=0 banks=1 columns=1
    HALT
    """
    with pytest.raises(FormatError, match=r"pc 4 \(LD .* and pc 3 \(VEC .*no token orders them"):
        check(assemble(text), NANO)
    check(assemble(text.replace("    LD", "    FENCE\n    LD").replace("FENCE", "", 1)), NANO)


def test_bytes_stored_and_loaded_need_a_token():
    text = """
    LD target=ACT plain=1 region=1 address=0 banks=1 columns=1
    FENCE
    CFG engine=ST index=element element.beats=1
    ST region=1 address=0 banks=1 columns=1 rows=1 blocks=1 signal_next=1
    LD target=ACT plain=1 region=1 address=256 banks=2 columns=1 wait_prev=1
    HALT
    """
    check(assemble(text), NANO)
    racing = text.replace("signal_next=1", "").replace("wait_prev=1", "")
    with pytest.raises(FormatError, match="use the same bytes of region 1"):
        check(assemble(racing), NANO)


def test_more_rows_than_can_be_compared():
    text = """
    CFG engine=LD index=element element.beats=1
    LD region=1 address=0 banks=1 columns=1 rows={rows} blocks=4095
    HALT
    """
    check(assemble(text.format(rows=1024)), NANO)
    with pytest.raises(CapacityError, match=r"pc 1 .*at most 4,194,304 rows .*, found 4,197,375"):
        check(assemble(text.format(rows=1025)), NANO)


def ping_pong(count: int) -> str:
    load = "LD target=ACT plain=1 region=1 address=0 banks=1 columns=1 signal_next=1\n"
    take = "CFG engine=MX wait_prev=1\n"
    return load * count + take * count + "HALT\n"


def test_token_counters_hold_fifteen():
    check(assemble(ping_pong(15)), NANO)
    with pytest.raises(FormatError, match="can be number 16 that waits; 15 fit"):
        check(assemble(ping_pong(16)), NANO)


def test_a_full_queue_can_deadlock():
    waiting = "CFG engine=LD wait_next=1\n" * 9
    giving = "CFG engine=MX signal_prev=1\n" * 9
    with pytest.raises(FormatError, match=r"deadlock: pc 0 \(CFG engine=LD wait_next=1"):
        check(assemble(waiting + giving + "HALT"), NANO)
    check(
        assemble(waiting[: len(waiting) * 8 // 9] + giving[: len(giving) * 8 // 9] + "HALT"), NANO
    )
