"""What is known of one layer after a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npusim.analysis.layer_cycles import LayerCycles


@dataclass(frozen=True)
class LayerReport:
    """One row of the layer table.

    `macs` and `weight_bytes` are the layer's, for one sample. `rounding` is empty where the
    operator rounds nothing. `seconds` is the host's wall time over all samples of the run, None
    where the engine does not time layers. `cost` is what the layer takes on the machine, None where
    no machine ran it.
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
    cost: LayerCycles | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values; what is not known is absent."""
        row = asdict(self) | {"output_shape": list(self.output_shape)}
        del row["cost"]
        if self.seconds is None:
            del row["seconds"]
        cost = {} if self.cost is None else self.cost.as_json()
        return row | {key: value for key, value in cost.items() if key not in row}
