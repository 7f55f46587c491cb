"""Constants that no compiler writes: shifts beyond 62, sums beyond 63 bits, any zero point, wraps.

Both sides do with them what docs/architecture.md, sections 1 and 2, says.
"""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes import ARRAY_FORMATS, WEIGHT_FORMATS
from npusim.cosim.npu.compare import compare_code
from npusim.isa.assembly import assemble
from npusim.isa.encoding import encode_program
from npusim.machines import Machine
from npusim.machines.memories import Scratchpads
from npusim.simulator.execute.machine_state import new_dram
from npusim.simulator.timing.timeline import time_code
from npusim.words import ROUNDINGS

NANO = Machine.load("nano")
CODE_ADDRESS = 8192
PAR_OFFSET, PAR_BYTES = 1024, 32 * 16
ENDS = (0, 1, 127, 128, 255)
"""Bytes at which a difference or a product is greatest: activations and weights."""
SETUP = f"""
LD target=ACT plain=1 address=0 banks=0x1 columns=100
LD target=WGT offset=100 address=0 banks=0x1 columns=100
LD target=PAR offset={PAR_OFFSET // 4} signal_next=1 address=0 banks=0x1 columns=32
CFG engine=MX wait_prev=1 index=mac_x mac_x.count=5 mac_x.stride=1 mac_y.count=2 mac_kw.count=1
CFG engine=MX index=mac_kh mac_kh.count=1 mac_cb.count=1 mac_ob.count=1
CFG engine=MX index=mac_tile mac_tile.rows=4 mac_tile.row_end=4 mac_output.step=1 mac_format.bits=8
MAC read_banks=0x1 wgt_banks=0x1 acc_banks=0x1 signal_next=1
CFG engine=EP wait_prev=1 index=vec_kx vec_kx.count=4 vec_kx.stride=1 vec_x.count=3 vec_x.stride=1
CFG engine=EP index=vec_y vec_y.count=2 vec_y.stride=9 vec_b.count=4
CFG engine=EP index=vec_x_out vec_x_out.out=1 vec_x_out.acc=1
"""
RQ = """
CFG engine=EP index=rq_output rq_output.low={low} rq_output.high={high} \
rq_output.zero_point={zero} rq_mode.rounding={rounding}
RQ act_terms=0xa read_banks=0x1 write_banks=0x2 out=256 par_banks=0x1 acc_banks=0x1
"""
ADD_TAPS = """
CFG engine=EP index=vec_kx vec_kx.count=2 vec_kx.stride=1 vec_ky.count=1 vec_x.count=3
CFG engine=EP index=vec_x vec_x.count=3 vec_x.stride=1 vec_y.count=2 vec_y.stride=9 vec_b.count=4
"""
ADD = """
CFG engine=EP index=add_multiplier0 value0={word0} value1={word1} value2={word2}
CFG engine=EP index=add_shift value0={shifts} add_zero_point.zero_point0={zero0} \
add_zero_point.zero_point1={zero1}
CFG engine=EP index=rq_output rq_output.low=-128 rq_output.high=127 rq_mode.rounding={rounding}
VEC op=add read_banks=0x1 write_banks=0x2 out=256
"""

MAC = """
CFG engine=MX index=mac_format mac_format.format={form} mac_format.bits={bits} \
mac_format.unsigned={unsigned} mac_format.zero_point={zero} value1={selectors}
MAC act={act} wgt={act} read_banks=0x1 wgt_banks=0x1 depthwise={depthwise} acc_banks=0x1
"""
MERGE = """
CFG engine=EP index=rq_output rq_output.low=-128 rq_output.high=127 rq_mode.rounding=1 \
rq_mode.pwlq_bits={bits}
RQ pwlq=1 write_banks=0x2 out=256 par_banks=0x1 acc_banks=0x1
"""
WRAPS = """
LD target=ACT plain=1 address=65530 banks=0x81 columns=12
LD target=WGT plain=1 address=65530 banks=0x9 columns=12
LD target=PAR address=65530 banks=0x9 columns=12
LD target=ACT plain=1 address=65400 banks=0x81 columns=300 signal_next=1
CFG engine=MX wait_prev=1 index=mac_x mac_x.count=7 mac_x.stride=-1 mac_y.count=2 mac_y.stride=-3 \
mac_kw.count=2 mac_kw.stride=5
CFG engine=MX index=mac_kh mac_kh.count=1 mac_cb.count=1 mac_ob.count=2
CFG engine=MX index=mac_tile mac_tile.rows=3 mac_tile.row_end=3 mac_output.step=1 \
mac_output.acc_stride=-14 mac_format.bits=5
MAC act=3 wgt=65532 acc=5 read_banks=0x81 wgt_banks=0x9 acc_banks=0x9 signal_next=1
CFG engine=EP wait_prev=1 index=vec_kx vec_kx.count=3 vec_kx.stride=-4 vec_ky.count=1 \
vec_x.count=7 vec_x.stride=1
CFG engine=EP index=vec_y vec_y.count=2 vec_y.stride=-30 vec_b.count=1 vec_kx_out.acc=-1
CFG engine=EP index=vec_x_out vec_x_out.out=2 vec_x_out.acc=1 vec_y_out.out=-5 vec_y_out.acc=7
CFG engine=EP index=rq_output rq_output.low=-128 rq_output.high=127 rq_mode.rounding=1
RQ acc=65529 out=65533 par=65533 write_banks=0x81 par_banks=0x9 acc_banks=0x9
VEC op=max act=6 out=8300 read_banks=0x81 write_banks=0x2
VEC op=sum act=6 acc=65533 read_banks=0x81 acc_banks=0x9
CFG engine=EP index=60 signal_next=1
CFG engine=ST index=row_stride row_stride.value=8 act_stride.row=-9 wait_prev=1
CFG engine=ST index=element element.beats=1
ST region=1 offset=20 address=65534 banks=0x81 columns=5 rows=3 blocks=1
HALT
"""


def parameters(rng: np.random.Generator) -> np.ndarray:
    """Return PAR words: any bits, every second bias at an end of its range."""
    words = rng.integers(0, 1 << 32, (32, 4), dtype=np.uint32)
    words[1::14] = 0x3FFFFFFF
    words[8::14] = 0x40000000
    return words.reshape(-1).view(np.uint8)


def agree(text: str, dram: np.ndarray, machine: Machine = NANO, bases=(0,) * 8) -> None:
    """Run a program, which does not fault, on both sides."""
    code = encode_program(assemble(text))
    assert time_code(code, machine, bases).fault is None
    found = compare_code(code, machine, dram, bases, CODE_ADDRESS)
    assert not found.difference, found.difference


def random_dram(rng: np.random.Generator) -> np.ndarray:
    """Return a DRAM of which every third byte is at an end of its range."""
    dram = new_dram(NANO)
    dram[:PAR_OFFSET] = rng.integers(0, 256, PAR_OFFSET)
    dram[:PAR_OFFSET:3] = rng.choice(ENDS, len(dram[:PAR_OFFSET:3]))
    dram[PAR_OFFSET : PAR_OFFSET + PAR_BYTES] = parameters(rng)
    return dram


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("seed", range(3))
def test_any_words_in_par(seed):
    rng = np.random.default_rng(seed)
    text = SETUP
    for rounding in ROUNDINGS:
        low, high = rng.integers(-256, 256, 2)
        text += RQ.format(low=low, high=high, zero=rng.integers(-256, 256), rounding=rounding)
    agree(text + "HALT\n", random_dram(rng))


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_any_multipliers_and_shifts_of_add():
    rng = np.random.default_rng(4)
    text = SETUP + ADD_TAPS
    for rounding in [*range(8)] * 3:  # 6 and 7 are half_up here
        word0, word1, word2, shifts = rng.integers(0, 1 << 32, 4)
        if rng.random() < 0.5:  # one operand's difference reaches the output
            shifts, word0 = 0x1F << 16 | 31 << 8 | 31, 1 << 30
        zero0, zero1 = rng.integers(-256, 256, 2)
        text += ADD.format(
            word0=word0, word1=word1, word2=word2, shifts=shifts, zero0=zero0, zero1=zero1,
            rounding=rounding,
        )  # fmt: skip
    agree(text + "HALT\n", random_dram(rng))


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("pwlq_bits", [4, 7])
def test_any_zero_point_of_a_mac(pwlq_bits):
    rng = np.random.default_rng(pwlq_bits)
    machine = NANO.with_({"array.formats": ARRAY_FORMATS, "array.pwlq_bits": pwlq_bits})
    text = SETUP
    for first in (10, 11):  # lut_levels0 .. lut_levels3, written from two registers on
        words = " ".join(f"value{slot}={rng.integers(0, 1 << 32)}" for slot in range(3))
        text += f"CFG engine=MX index={first} {words}\n"
    for form, most in zip(WEIGHT_FORMATS, (8, 4, pwlq_bits, 4, 4), strict=True):
        for unsigned in (0, 1):
            for zero in (-256, -255, -129, 128, 255, rng.integers(-256, 256)):
                text += MAC.format(
                    form=form, bits=rng.choice((2, most)), unsigned=unsigned, zero=zero,
                    selectors=rng.integers(0, 1 << 32), act=rng.integers(0, 60),
                    depthwise=rng.integers(0, 2),
                )  # fmt: skip
    agree(text + "HALT\n", random_dram(rng), machine)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_any_bits_of_a_pwlq_merge():
    rng = np.random.default_rng(6)
    text = SETUP + MAC.format(
        form="pwlq", bits=4, unsigned=0, zero=3, selectors=0, act=0, depthwise=0
    )
    text += "CFG engine=MX index=40 signal_next=1\nCFG engine=EP index=40 wait_prev=1\n"
    for bits in range(16):
        text += MERGE.format(bits=bits)
    agree(text + "HALT\n", random_dram(rng))


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_addresses_that_wrap_in_full_scratchpads():
    full = NANO.with_({"scratchpads": Scratchpads(8, 8192, 4, 16384, 4, 16384, 65536, 4)})
    agree(WRAPS, random_dram(np.random.default_rng(7)), full, (0, -64 % 2**32, *(0,) * 6))


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize(("pc", "bits"), [(1, 0xF), (9, 0xF), (18, 0xF), (2, 1 << 10)])
def test_what_runs_when_an_instruction_faults(pc, bits):
    """An unknown opcode; at last a LD's target, and HALT comes while MX waits for its token."""
    text = SETUP + "CFG engine=ST\n" * 9 + "HALT\n"
    code = np.frombuffer(encode_program(assemble(text)), "<u4").copy()
    code[4 * pc] |= bits
    dram = random_dram(np.random.default_rng(pc))
    found = compare_code(code.tobytes(), NANO, dram, [0] * 8, CODE_ADDRESS)
    assert not found.difference, found.difference
