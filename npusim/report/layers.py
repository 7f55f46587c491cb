"""What is known of one layer after a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LayerReport:
    """One row of the layer table.

    `macs` and `weight_bytes` are the layer's, for one sample; `seconds` is the host's wall time
    over all samples of the run. `rounding` is empty where the operator rounds nothing.
    """

    name: str
    operator: str
    output: str
    output_shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    scheme: str
    rounding: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        return asdict(self) | {"output_shape": list(self.output_shape)}
