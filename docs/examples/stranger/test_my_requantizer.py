"""My requantizer against npusim's contract; RTL=my_requantizer_wrong.v shows a fault."""

import os
from pathlib import Path

from npusim.cosim import Wiring, verify_module
from npusim.datapath.requantize import HALF_UP, UNIT

SOURCE = Path(__file__).with_name(os.environ.get("RTL", "my_requantizer.v"))
WIRING = Wiring(
    clock="clk", reset="rst_n", reset_level=0, reset_asynchronous=True, enable=None,
    valid_in="in_valid", valid_out="out_valid",
    ports={"acc": "psum", "multiplier": "mult", "bias": "offset", "shift": "sh",
           "zero_point": "zp", "y": "q"},
    widths={"zero_point": 8, "y": 8},
    fixed={"mode": HALF_UP, "channel_shift": 0, "low": -128, "high": 127},
)  # fmt: skip


def test_my_requantizer() -> None:
    """Names, widths and latency are mine; the arithmetic is npusim's."""
    verify_module(
        UNIT, [SOURCE], module="my_requantizer", wiring=WIRING,
        contract_parameters={"MAX_TERMS": 1}, latency_cycles=3, vectors=20_000,
    )  # fmt: skip
