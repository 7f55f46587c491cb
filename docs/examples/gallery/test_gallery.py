"""Three styles of requantizer and processing element, each judged by a contract of npusim's."""

import os
from pathlib import Path

from npusim.cosim import Check, Wiring, parametrize_with_contract
from npusim.datapath import mac_uniform, requantize

HERE = Path(__file__).parent
ONE_TERM = {"MAX_TERMS": 1}
HIGH = {"HIGH": int(os.environ.get("HIGH", "127"))}  # 128: a saturation with a fault


@parametrize_with_contract(
    requantize.UNIT, [HERE / "shift_requantizer.v"], module="shift_requantizer",
    wiring=Wiring(
        clock="clk", reset=None, enable=None, valid_in="valid_in", valid_out="valid_out",
        ports={"acc": "sum", "multiplier": "mult", "shift": "shift", "y": "q"},
        widths={"acc": 24, "multiplier": 16, "shift": 5, "y": 8},
        fixed={"bias": 0, "mode": requantize.HALF_UP, "channel_shift": 0,
               "zero_point": 0, "low": -128, "high": 127},
    ),
    parameters=HIGH, contract_parameters=ONE_TERM, latency_cycles=2, vectors=20_000,
)  # fmt: skip
def test_shift_requantizer(check: Check) -> None:
    """A 24-bit sum, a 16-bit multiplier, no bias, half up to int8."""
    check()


@parametrize_with_contract(
    requantize.UNIT, [HERE / "package_requantizer.sv"], module="package_requantizer",
    wiring=Wiring(
        clock="clk", reset="rst_n", reset_level=0, reset_asynchronous=True, enable="ready",
        valid_in="valid", valid_out="done",
        ports={name: name for name in ("acc", "multiplier", "bias", "shift", "zero_point", "y")},
        widths={"bias": 48, "zero_point": 8, "y": 8}, unsigned=("zero_point", "y"),
        fixed={"mode": requantize.HALF_EVEN, "channel_shift": 0, "low": 0, "high": 255},
    ),
    contract_parameters=ONE_TERM, latency_cycles=2, vectors=20_000, simulator="verilator",
)  # fmt: skip
def test_package_requantizer(check: Check) -> None:
    """SystemVerilog of packages and typedefs, half to even to uint8."""
    check()


@parametrize_with_contract(
    mac_uniform.UNIT, [HERE / "systolic_pe.v"], module="systolic_pe_loading",
    wiring=Wiring(
        clock="clk", reset=None, enable=None, valid_in=None, valid_out=None,
        ports={"weight": "weight", "xe": "x", "acc_i": "psum_in", "acc_o": "psum_out"},
        widths={"xe": 8, "acc_i": 24, "acc_o": 24},
    ),
    latency_cycles=2, vectors=20_000,
)  # fmt: skip
def test_systolic_pe(check: Check) -> None:
    """A weight-stationary cell, a weight for each product."""
    check()
