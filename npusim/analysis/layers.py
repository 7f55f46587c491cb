"""What is known of one layer after a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LayerReport:
    """One row of the layer table.

    `macs` and `weight_bytes` are the layer's, for one sample; `seconds` is the host's wall time
    over all samples of the run (kernels engine). `rounding` is empty where the operator rounds
    nothing. The rest is the machine's, for one sample: cycles up to the layer's end, what EX
    does in them, its stalls by cause, share of the array in use, bytes to and from DRAM, energy in
    total and by component; None where an engine cannot know.
    """

    name: str
    operator: str
    output: str
    output_shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    scheme: str
    rounding: str
    seconds: float | None = None
    cycles: int | None = None
    busy_cycles: dict[str, int] | None = None
    stall_cycles: dict[str, int] | None = None
    utilization: float | None = None
    dram_bytes: int | None = None
    energy_pj: dict[str, float] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values; what is not known is absent."""
        known = {key: value for key, value in asdict(self).items() if value is not None}
        return known | {"output_shape": list(self.output_shape)}
