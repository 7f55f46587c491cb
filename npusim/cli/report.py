"""Reports of a run on the machine: a page, its pictures, a trace for the Perfetto UI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npusim.errors import FormatError
from npusim.reading import is_there
from npusim.writing import require_suffix, require_writable, write_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from npusim.engines.program_cost import ProgramCost
    from npusim.engines.result import Result

PAGE_SUFFIXES = (".html", ".htm")
TRACE_SUFFIXES = (".json", ".json.gz")


@dataclass(frozen=True)
class ReportPaths:
    """What was asked for; None where it was not.

    Raises
    ------
    FormatError
        A name's ending is not that of its format, or a file could not be written there.
    """

    page: Path | None
    plots: Path | None
    trace: Path | None

    def __post_init__(self) -> None:
        require_suffix("--report", self.page, PAGE_SUFFIXES)
        require_suffix("--trace", self.trace, TRACE_SUFFIXES)
        for path in self.files.values():
            require_writable(path)
        if self.plots is not None:
            if is_there(self.plots) and not self.plots.is_dir():
                raise FormatError(f"{self.plots}: expected a directory for --plots, found a file")
            inside = self.plots / "x" if is_there(self.plots) else self.plots
            require_writable(inside)

    @property
    def files(self) -> dict[str, Path | None]:
        """The single files, by their options."""
        return {"--report": self.page, "--trace": self.trace}

    def __bool__(self) -> bool:
        return any((self.page, self.plots, self.trace))

    def write_run(
        self, result: Result, x: Mapping[str, NDArray], results: Mapping[str, Any]
    ) -> None:
        """Write what was asked for of a run on a machine; `results`: its JSON."""
        from npusim.analysis.conformance import check_conformance
        from npusim.engines.result import MachineResult

        assert isinstance(result, MachineResult)
        conformance = check_conformance(
            result.network, x, result.outputs, result.requant, result.cost.host_operators,
            result.differing_outputs,
        )  # fmt: skip
        self.write(result.cost, results, conformance)

    def write(
        self, cost: ProgramCost, results: Mapping[str, Any], conformance: Mapping[str, Any]
    ) -> None:
        """Write what was asked for; `results` and `conformance` as machine_data takes them."""
        from npusim.analysis.machine_data import machine_data
        from npusim.report.machine_page import machine_page
        from npusim.report.standalone import pictures

        if self.page is not None or self.plots is not None:
            data = machine_data(cost.program, cost.timelines, results, conformance)
            drawn = [] if self.plots is None else list(pictures(data))
            page = "" if self.page is None else machine_page(data)
            if self.plots is not None:
                try:
                    self.plots.mkdir(exist_ok=True)
                except OSError as error:
                    raise FormatError(f"{self.plots}: cannot make it: {error.strerror}") from None
                for name, text in drawn:
                    write_text(self.plots / f"{name}.svg", text)
            if self.page is not None:
                write_text(self.page, page)
        if self.trace is not None:
            cost.save_trace(self.trace)
