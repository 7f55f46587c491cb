"""Reports of a run on the machine: a page, its pictures, a trace for the Perfetto UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npusim.cli.outputs import require_writable, whole_file
from npusim.errors import FormatError

if TYPE_CHECKING:
    from npusim.isa.program import Program
    from npusim.simulator.machine.timeline import Timeline

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
        _require_suffix("--report", self.page, PAGE_SUFFIXES)
        _require_suffix("--trace", self.trace, TRACE_SUFFIXES)
        for path in (self.page, self.trace):
            require_writable(path)
        if self.plots is not None:
            if self.plots.exists() and not self.plots.is_dir():
                raise FormatError(f"{self.plots}: expected a directory for --plots, found a file")
            inside = self.plots / "x" if self.plots.is_dir() else self.plots
            require_writable(inside)

    def __bool__(self) -> bool:
        return any((self.page, self.plots, self.trace))

    def write(
        self,
        program: Program,
        timelines: Sequence[Timeline],
        results: Mapping[str, Any],
        conformance: Mapping[str, Any],
    ) -> None:
        """Write what was asked for; `results` and `conformance` as machine_data takes them."""
        from npusim.analysis.machine_data import machine_data
        from npusim.report.machine_page import machine_page
        from npusim.report.standalone import pictures
        from npusim.report.trace import write_trace

        if self.page is not None or self.plots is not None:
            data = machine_data(program, timelines, results, conformance)
            drawn = [] if self.plots is None else list(pictures(data))
            page = "" if self.page is None else machine_page(data)
            if self.plots is not None:
                try:
                    self.plots.mkdir(exist_ok=True)
                except OSError as error:
                    raise FormatError(f"{self.plots}: cannot make it: {error.strerror}") from None
                for name, text in drawn:
                    with whole_file(self.plots / f"{name}.svg") as file:
                        file.write(text.encode())
            if self.page is not None:
                with whole_file(self.page) as file:
                    file.write(page.encode())
        if self.trace is not None:
            cycles = {row["name"]: row["cycles"] for row in results["layers"] if "cycles" in row}
            with whole_file(self.trace) as file:
                write_trace(file, program, timelines, cycles, self.trace.suffix == ".gz")


def _require_suffix(option: str, path: Path | None, suffixes: tuple[str, ...]) -> None:
    if path is not None and not path.name.lower().endswith(suffixes):
        raise FormatError(f"{path}: expected a name ending in {' or '.join(suffixes)} for {option}")
