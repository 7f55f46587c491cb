"""A build parameter of the RTL: its Verilog name, and where a machine's registers read it back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """One parameter of rtl/npu_top.v, and its field in the read-only control registers."""

    verilog: str
    register: str
    """Name of the control register, such as `params0`."""
    field: str
    low: int
    """Lowest bit of the field."""
    width_bits: int
    meaning: str

    @property
    def is_log2(self) -> bool:
        """Whether the field holds the logarithm of the value."""
        return self.field.endswith("_log2")

    @property
    def field_meaning(self) -> str:
        """What the field holds."""
        return f"log2 of the {self.meaning}" if self.is_log2 else self.meaning

    def register_value(self, value: int) -> int:
        """Return what the field reads where the parameter is `value`."""
        return value.bit_length() - 1 if self.is_log2 else value
