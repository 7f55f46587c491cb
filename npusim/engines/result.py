"""What a run of a network gave, on any engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

import npusim
from npusim.analysis.layers import LayerReport
from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.words import JSON_VERSION, EngineName, Rule
from npusim.writing import write_arrays, write_json

if TYPE_CHECKING:
    from npusim.engines.program_cost import ProgramCost


@dataclass(frozen=True, eq=False)
class Result:
    """What every engine knows.

    Attributes
    ----------
    requant
        The rounding rule in force.
    outputs, tensors : mapping of tensor name to array
        The network's outputs and (when kept) every named tensor, in the file's own layout, all
        samples along the leading axis.
    layers
        One row per layer, in execution order.
    samples, seconds
        How many samples ran, and the host's wall time for all of them.
    batch
        Samples of one execution, which `macs` and the rows of the layers are of.
    """

    network: Network
    engine: EngineName
    requant: Rule
    outputs: Mapping[str, NDArray]
    tensors: Mapping[str, NDArray]
    layers: tuple[LayerReport, ...]
    samples: int
    seconds: float
    batch: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of `batch` samples."""
        return sum(layer.macs for layer in self.layers)

    def as_json(self) -> dict[str, Any]:
        """Return the results as JSON-ready values; docs/json.md describes the keys."""
        return {
            "npusim_version": npusim.__version__,
            "json_version": JSON_VERSION,
            "model": self.network.name,
            "engine": self.engine,
            "requant": self.requant,
            "samples": self.samples,
            "batch": self.batch,
            "seconds": self.seconds,
            "macs": self.macs,
            **self._machine_json(),
            "layers": [layer.as_json() for layer in self.layers],
        }

    def _machine_json(self) -> dict[str, Any]:
        return {}

    def save(self, path: str | Path) -> None:
        """Write the tensors to an .npz file (outputs alone where no others were kept), or a .json.

        Raises
        ------
        UnsupportedError
            The name ends in neither.
        FormatError
            The file cannot be written.
        """
        target = Path(path)
        if target.suffix == ".npz":
            write_arrays(target, self.tensors)
        elif target.suffix == ".json":
            write_json(target, self.as_json())
        else:
            raise UnsupportedError(f"{path}: expected a name ending in .npz or .json")

    def _repr_html_(self) -> str:
        from npusim.report.notebook import layers_html
        from npusim.report.terminal import counted

        return layers_html(f"{self.network.name}: {counted(self.samples, 'sample')}", self.layers)


@dataclass(frozen=True, eq=False)
class MachineResult(Result):
    """What engines `machine` and `rtl` know besides.

    Attributes
    ----------
    cost
        The program, the cycles of its runs for `batch` samples, predicted or measured, and what
        each layer takes of them.
    average_energy
        Where `energy` is that of the data that ran: what the average model says. None otherwise.
    differing_outputs
        Where the runtime of `requant` computes in floating point: how many output values are
        not what its own formulas give for the same inputs. None otherwise.
    """

    cost: ProgramCost
    average_energy: Mapping[str, float] | None = None
    differing_outputs: int | None = None

    @property
    def machine(self) -> str:
        """The machine's name."""
        return self.cost.program.machine.name

    @property
    def cycles(self) -> int:
        """Cycles of `batch` samples."""
        return self.cost.cycles

    @property
    def dram_bytes(self) -> int:
        """Bytes of `batch` samples to and from DRAM."""
        return self.cost.dram_bytes

    @property
    def energy(self) -> Mapping[str, float]:
        """Energy of `batch` samples in pJ: `total` and by component."""
        return self.cost.energy_pj

    def _machine_json(self) -> dict[str, Any]:
        from npusim.cost.area import area_json

        found = {
            "machine": self.machine,
            "cycles": self.cycles,
            "dram_bytes": self.dram_bytes,
            "dram_accesses": self.cost.dram_accesses or None,
            "energy_pj": self.energy,
            "average_energy_pj": self.average_energy,
            **self.cost.host_json(),
            "differing_outputs": self.differing_outputs,
        }
        known = {key: value for key, value in found.items() if value is not None}
        return known | area_json(self.cost.program.machine)

    def _repr_html_(self) -> str:
        from npusim.report.notebook import machine_html

        return machine_html(self.cost.program, self.cost.timelines, self.as_json())
