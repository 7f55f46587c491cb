"""What the control registers of a Machine read back, and whether a design has them so."""

from __future__ import annotations

from npusim.errors import NpuError
from npusim.isa.registers import CONTROL, ID
from npusim.isa.spec import VERSION
from npusim.machines import Machine
from npusim.machines.machine import PARAMETERS


def expected_registers(machine: Machine) -> dict[str, int]:
    """Return what the read-only identification registers of `machine` hold."""
    fields = {(r.name, field.name): field for r in CONTROL for field in r.fields}
    expected = {"id": ID, "version": VERSION}
    for row in PARAMETERS:
        value = row.register_value(machine.parameters[row.verilog])
        placed = fields[row.register, row.field].insert(value)
        expected[row.register] = expected.get(row.register, 0) | placed
    return expected


def require_parameters(machine: Machine, found: dict[str, int]) -> None:
    """Raise NpuError where a machine's identification registers are not those of `machine`."""
    for name, expected in expected_registers(machine).items():
        if found.get(name) != expected:
            raise NpuError(
                f"RTL: register {name}: expected {expected:#010x} for machine {machine.name}, "
                f"found {found.get(name, 0):#010x}"
            )
