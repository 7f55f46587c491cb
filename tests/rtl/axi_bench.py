"""cocotb: the NPU between cocotbext-axi's models, with random pauses on every channel and errors.

Started by test_axi.py, which writes a request (JSON) and reads the answers beside it.
"""

from __future__ import annotations

import json
import mmap
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, Timer, with_timeout
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiRamRead,
    AxiRamWrite,
    AxiReadBus,
    AxiWriteBus,
)

from npusim.isa.registers import CONTROL

ADDRESS = {register.name: register.index for register in CONTROL}
RUN_NS = 20_000_000
CASE_NS = 60_000_000
"""Of two runs and some dozens of accesses: a case that takes longer fails, and does not hang."""


def pauses(seed: int, share: float):
    rng = random.Random(seed)
    while True:
        yield rng.random() < share


class FaultyRead(AxiRamRead):
    """Answers SLVERR for beats at `bad_address`."""

    bad_address = -1

    async def _read(self, address, length):
        if address <= self.bad_address < address + length:
            raise RuntimeError("an address that answers with an error")
        return await super()._read(address, length)


class FaultyWrite(AxiRamWrite):
    """Answers SLVERR for beats at `bad_address`, and does not write them."""

    bad_address = -1

    async def _write(self, address, data):
        if address <= self.bad_address < address + len(data):
            raise RuntimeError("an address that answers with an error")
        await super()._write(address, data)


@cocotb.test()
async def programs(dut) -> None:
    path = Path(os.environ["NPUSIM_AXI_REQUEST"])
    request = json.loads(path.read_text())
    cocotb.start_soon(Clock(dut.aclk, 10, unit="ns").start())
    memory = mmap.mmap(-1, request["memory_bytes"])
    clocked = dut.aclk, dut.aresetn, False  # a reset that is low
    fetch = FaultyRead(AxiReadBus.from_prefix(dut, "m_axi_fetch"), *clocked, mem=memory)
    ld = FaultyRead(AxiReadBus.from_prefix(dut, "m_axi_ld"), *clocked, mem=memory)
    st = FaultyWrite(AxiWriteBus.from_prefix(dut, "m_axi_st"), *clocked, mem=memory)
    lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_control"), *clocked)
    channels = [
        fetch.ar_channel, fetch.r_channel, ld.ar_channel, ld.r_channel,
        st.aw_channel, st.w_channel, st.b_channel,
        lite.write_if.aw_channel, lite.write_if.w_channel, lite.write_if.b_channel,
        lite.read_if.ar_channel, lite.read_if.r_channel,
    ]  # fmt: skip
    answers = []
    for number, case in enumerate(request["cases"]):
        dut.aresetn.value = 0
        await ClockCycles(dut.aclk, 4)
        await FallingEdge(dut.aclk)
        dut.aresetn.value = 1
        await ClockCycles(dut.aclk, 2)
        for index, channel in enumerate(channels):
            channel.set_pause_generator(pauses(case["seed"] * 100 + index, case["pause"]))
        memory[:] = bytes(len(memory))
        for address, image in case["images"]:
            data = bytes.fromhex(image)
            memory[address : address + len(data)] = data
        fetch.bad_address, ld.bad_address, st.bad_address = case["bad"]
        answers.append(await with_timeout(run(dut, lite, case), CASE_NS, "ns"))
        Path(path.parent, f"dram{number}.bin").write_bytes(memory[: request["memory_bytes"]])
    path.with_name("answers.json").write_text(json.dumps(answers))
    await Timer(1, "ns")


async def run(dut, lite: AxiLiteMaster, case: dict) -> dict[str, int]:
    """Program the NPU, start it twice where asked, wait for the interrupt, read every register.

    The interrupt stands while it is enabled and nothing runs, from the first start on.
    """

    async def write(name: str, value: int) -> None:
        await lite.write_dword(ADDRESS[name], value)

    await write("program_base", case["base"])
    await write("program_length", case["length"])
    for region, address in enumerate(case["regions"]):
        await write(f"region{region}", address)
    await write("interrupt_enable", 1)
    for _ in range(case["starts"]):
        assert not dut.irq.value or case["starts"] > 1
        await write("start", 1)
        if not dut.irq.value:
            await with_timeout(dut.irq.rising_edge, RUN_NS, "ns")
    for enabled in (0, 1):
        await write("interrupt_enable", enabled)
        await ClockCycles(dut.aclk, 2)
        assert dut.irq.value == enabled
    return {name: await lite.read_dword(index) for name, index in ADDRESS.items()}
