"""A Machine as the parameters of rtl/npu_top.v, and as what its control registers read back."""

from __future__ import annotations

from npusim.errors import NpuError
from npusim.isa.fields import Register
from npusim.isa.registers import CONTROL, ID
from npusim.isa.spec import VERSION
from npusim.machines import Machine

_REGISTERS: dict[str, Register] = {register.name: register for register in CONTROL}


def parameters(machine: Machine) -> dict[str, int]:
    """Return the Verilog parameters of npu_top for `machine`."""
    pads = machine.scratchpads
    return {
        "SIZE": machine.size,
        "BUS_BYTES": machine.bus.bus_bytes,
        "BURST_BEATS": machine.bus.burst_beats,
        "UNIFORM_BITS": machine.uniform_bits,
        "SUBSET": int(machine.has_subset),
        "PWLQ_BITS": machine.array.pwlq_bits,
        "ACT_BANKS": pads.act_banks,
        "ACT_BANK_WORDS": pads.act_bank_words,
        "WGT_BANKS": pads.wgt_banks,
        "WGT_BANK_WORDS": pads.wgt_bank_words,
        "PAR_BANKS": pads.par_banks,
        "PAR_BANK_WORDS": pads.par_bank_words,
        "ACC_WORDS": pads.acc_words,
    }


def expected_registers(machine: Machine) -> dict[str, int]:
    """Return what the read-only identification registers of `machine` hold."""
    pads = machine.scratchpads
    fields = {
        "params0": {
            "size": machine.size,
            "bus_bytes": machine.bus.bus_bytes,
            "uniform_bits": machine.uniform_bits,
            "subset": int(machine.has_subset),
            "pwlq_bits": machine.array.pwlq_bits,
        },
        "params1": {
            "act_banks": pads.act_banks,
            "wgt_banks": pads.wgt_banks,
            "par_banks": pads.par_banks,
            "burst_log2": machine.bus.burst_beats.bit_length() - 1,
        },
        "params2": {
            "act_log2": pads.act_bank_words.bit_length() - 1,
            "wgt_log2": pads.wgt_bank_words.bit_length() - 1,
            "par_log2": pads.par_bank_words.bit_length() - 1,
            "acc_log2": pads.acc_words.bit_length() - 1,
        },
    }
    expected = {"id": ID, "version": VERSION}
    for name, values in fields.items():
        by_name = {field.name: field for field in _REGISTERS[name].fields}
        expected[name] = sum(by_name[key].place(value) for key, value in values.items())
    return expected


def require_parameters(machine: Machine, found: dict[str, int]) -> None:
    """Raise NpuError where a machine's identification registers are not those of `machine`."""
    for name, expected in expected_registers(machine).items():
        if found.get(name) != expected:
            raise NpuError(
                f"RTL: register {name}: expected {expected:#010x} for machine {machine.name}, "
                f"found {found.get(name, 0):#010x}"
            )
