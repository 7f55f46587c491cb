"""The cocotb test that runs inside the simulator: look at the module's handles, run the image.

It is started by npusim.cosim.verify, which puts a request (JSON) in the file that the environment
variable NPUSIM_COSIM_REQUEST names and reads the answer beside it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb
from cocotb.triggers import RisingEdge, Timer

from npusim.cosim.harness import REQUEST


def _number(handle) -> int:  # type: ignore[no-untyped-def]
    value = handle.value  # an int from a Verilog integer, a LogicArray from a vector
    return value if isinstance(value, int) else value.to_unsigned()


@cocotb.test()
async def contract(bench) -> None:  # type: ignore[no-untyped-def]
    """Check widths and parameters through the simulator's own handles, then run the image."""
    path = Path(os.environ[REQUEST])
    request = json.loads(path.read_text())
    unit = bench.unit
    for name, width in request["ports"].items():
        handle = getattr(unit, name)
        found = len(handle) if hasattr(handle, "__len__") else 1
        assert found == width, f"{name}: expected {width} bits, found {found}"
    for name, value in request["parameters"].items():
        found = _number(getattr(unit, name))
        assert (found - value) % (1 << 32) == 0, f"{name}: expected {value}, found {found}"
    bench.start.value = 1
    await RisingEdge(bench.done)
    answer = {
        name: _number(handle)
        for name, handle in (
            ("cycles", bench.cycle),
            ("checked", bench.checked),
            ("faults", bench.faults),
        )
    }
    path.with_name("answer.json").write_text(json.dumps(answer))
    await Timer(1, "ns")
