"""What a verification found, case by case: a table, JSON, JUnit's XML, the coverage by name."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import npusim
from npusim.printable import printable
from npusim.report.sheet import Column, Sheet
from npusim.report.terminal import plain_console
from npusim.writing import whole_file, write_json

PIPED_WIDTH = 120
AGREES = "agrees"


@dataclass(frozen=True)
class Case:
    """One thing that was compared.

    Attributes
    ----------
    group, name
        What it belongs to (a unit, a network, a family of programs), and what it is.
    numbers
        What was counted, by title.
    bins
        Coverage point -> number of hits.
    report
        What differs; empty where nothing does.
    """

    group: str
    name: str
    verdict: str
    seconds: float
    numbers: Mapping[str, int] = field(default_factory=dict)
    bins: Mapping[str, int] = field(default_factory=dict)
    report: str = ""


@dataclass(frozen=True)
class Verdicts:
    """Where the cases of a command go beside the terminal."""

    json: Path | None = None
    junit: Path | None = None
    shows_bins: bool = False

    def give(self, title: str, cases: Sequence[Case], ranks: Mapping[str, int]) -> int:
        """Print and write `cases`; return the exit code.

        Parameters
        ----------
        ranks
            Columns of numbers, and how early they give way on a narrow terminal (0: never).
        """
        console = plain_console(PIPED_WIDTH)
        console.print(title, soft_wrap=True)
        columns = [Column("what", is_name=True), Column("case", is_name=True)]
        columns += [Column(name, rank) for name, rank in ranks.items()]
        sheet = Sheet((*columns, Column("s", max(ranks.values(), default=0) + 1), Column("result")))
        last = ""
        for case in cases:
            numbers = [f"{case.numbers[n]:,}" if n in case.numbers else "" for n in ranks]
            group, last = ("" if case.group == last else case.group), case.group
            sheet.add(group, case.name, *numbers, f"{case.seconds:.1f}", case.verdict)
        sheet.show(console)
        if self.shows_bins:
            for case in cases:
                _show_bins(case)
        for case in cases:
            if case.report:
                console.print(f"\n{case.report}", soft_wrap=True)
        if self.json is not None:
            write_json(self.json, self.as_json(title, cases))
        if self.junit is not None:
            with whole_file(self.junit) as file:
                file.write(_junit(title, cases))
        return 1 if any(case.verdict != AGREES for case in cases) else 0

    def as_json(self, title: str, cases: Sequence[Case]) -> dict[str, object]:
        """Return what `--json` writes."""
        return {
            "npusim_version": npusim.__version__,
            "title": title,
            "agrees": all(case.verdict == AGREES for case in cases),
            "cases": [json.loads(json.dumps(asdict(case))) for case in cases],
        }


def _show_bins(case: Case) -> None:
    console = plain_console(PIPED_WIDTH)
    console.print(f"\n{case.group} {case.name}: coverage", soft_wrap=True)
    sheet = Sheet((Column("point", is_name=True), Column("vectors")))
    for name, hits in case.bins.items():
        sheet.add(name, f"{hits:,}" if hits else "NOT REACHED")
    sheet.show(console)


def _junit(title: str, cases: Sequence[Case]) -> bytes:
    """Return the cases as JUnit's XML: a test case each, a failure with its report."""
    wrong = sum(case.verdict != AGREES for case in cases)
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        root, "testsuite", name=printable(title), tests=str(len(cases)), failures=str(wrong),
        errors="0", skipped="0", time=f"{sum(case.seconds for case in cases):.3f}",
    )  # fmt: skip
    for case in cases:
        test = ElementTree.SubElement(
            suite, "testcase", classname=f"npusim.{printable(case.group)}",
            name=printable(case.name), time=f"{case.seconds:.3f}",
        )  # fmt: skip
        if case.verdict != AGREES:
            failure = ElementTree.SubElement(test, "failure", message=case.verdict)
            failure.text = printable(case.report)
        listed = {**case.numbers, **{f"coverage: {n}": hits for n, hits in case.bins.items()}}
        if listed:
            properties = ElementTree.SubElement(test, "properties")
            for name, value in listed.items():
                ElementTree.SubElement(properties, "property", name=name, value=str(value))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
