"""A technology's table: area, leakage and energy of the modules of rtl/, as synthesized.

Rows are builds of a module: which weight formats it runs, and its size. A build that is not in the
table is priced by two rules. Formats: as the smallest build that runs all that are asked for.
Sizes: on the straight line through the two nearest sizes of that build; where it has one size
alone, in the proportion in which the build with most sizes changes. A module made in one size in
all is taken as it is, a column in proportion to its rows. A bus comes with its array's size.

A build may have two netlists: with clock gates in place of enables, and without. One that has but
one of them is priced by it; sizes that have none with gates follow those without. A module that a
table leaves out by name costs nothing there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import compress
from typing import Any

from npusim.codes import AT_LEAST
from npusim.cost.sram import TABLES
from npusim.errors import FormatError, UnsupportedError
from npusim.words import TECHNOLOGIES

FORMAT_PARAMETERS = ("UNIFORM_BITS", "SUBSET", "PWLQ_BITS", "LUT", "PWLQ_DOUBLE")
COLUMN = "npu_pe_column"
SIZE_PARAMETERS = (
    "SIZE", "ROWS", "SUM_BITS", "BUS_BYTES", "LANES_PER_REQUANTIZER", "LANES_PER_LOOKUP",
)  # fmt: skip
"""What a module's size is measured by: the first of these that it has."""
CLOCK, DATA = "clock ", "data "

Formats = tuple[int, ...]
"""Values of FORMAT_PARAMETERS."""


@dataclass(frozen=True)
class Row:
    """A module as built with `parameters`: um2, uW, and pJ by operation class.

    `clock_pj`: what edges of clocks take of `energy_pj`; `clock_gated`: enables are clock gates;
    `activity`: weight format -> feature -> pJ of a changed bit; empty where nothing was fitted.
    """

    module: str
    parameters: Mapping[str, int]
    area_um2: float
    leakage_uw: float
    energy_pj: Mapping[str, float]
    clock_pj: Mapping[str, float]
    clock_gated: bool
    activity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def value(self, key: str) -> float:
        """Return area_um2, leakage_uw or the energy of an operation class.

        A class after `clock ` is what clocks take of it, one after `data ` the rest.
        """
        if key in ("area_um2", "leakage_uw"):
            return float(getattr(self, key))
        name = key.removeprefix(CLOCK).removeprefix(DATA)
        operation = class_of(name, self.energy_pj)
        if operation not in self.energy_pj:
            known = ", ".join(self.energy_pj)
            raise FormatError(
                f"energy table: {self.module}: expected operation {name}, found {known}"
            )
        energy, clock = self.energy_pj[operation], self.clock_pj[operation]
        return {name: energy, CLOCK + name: clock, DATA + name: energy - clock}[key]


def class_of(operation: str, classes: Collection[str]) -> str:
    """Return which of a build's `classes` an operation is priced by: its own.

    Products of an element that was not recorded there, as 6-bit weights on a multiplier of eight,
    have the next wider element's.
    """
    able = reversed(AT_LEAST.get(operation, ()))
    return next((name for name in able if name in classes), operation)


@dataclass(frozen=True)
class Table:
    """The rows of a technology, of one netlist each build."""

    technology: str
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()
    """Modules that are not made yet, and cost nothing."""
    others: tuple[Row, ...] = ()
    """The netlists without gates of builds of which `rows` has those with gates."""

    def value(self, module: str, parameters: Mapping[str, int], key: str) -> float:
        """Return what `key` (see Row.value) is for `module` built with `parameters`.

        `parameters` may name more than the module has.

        Raises
        ------
        FormatError
            The table lacks the module or the operation.
        UnsupportedError
            No build in the table runs the formats.
        """
        if module in self.left_out:
            return 0.0
        builds = self._builds(module)
        rows = builds[self._least(module, builds, parameters)]
        return _at_size(rows, self._guide(module), parameters, key)

    def nearest(self, module: str, parameters: Mapping[str, int]) -> Row:
        """Return the row of the least build that runs the formats, of the nearest size."""
        builds = self._builds(module)
        least = self._least(module, builds, parameters)
        rows = [*builds[least], *(r for r in self.others if _build(r) == (module, least))]
        size = _size_name(rows[0])
        return min(rows, key=lambda r: abs(r.parameters[size] - parameters[size]) if size else 0)

    def _builds(self, module: str) -> dict[Formats, list[Row]]:
        builds = _by_formats(self.rows, module)
        if not builds:
            raise FormatError(f"energy table {self.technology}: expected {module}, found no row")
        return builds

    def _guide(self, module: str) -> Sequence[Row]:
        """Return the build of a module that was made in most sizes, with gates where it may be."""
        both = [_by_formats(rows, module) for rows in (self.rows, self.others)]
        return max((rows for builds in both for rows in builds.values()), key=len)

    def _least(
        self, module: str, builds: Mapping[Formats, Sequence[Row]], parameters: Mapping[str, int]
    ) -> Formats:
        """Return the formats of the smallest build that runs those in `parameters`."""
        varied = [any(values) for values in zip(*builds, strict=True)]
        named = [n for n, some in zip(FORMAT_PARAMETERS, varied, strict=True) if some]
        wanted = tuple(parameters[name] for name in named)
        able = [
            formats
            for formats in builds
            if all(a >= b for a, b in zip(compress(formats, varied), wanted, strict=True))
        ]
        if not able:
            asked = ", ".join(f"{n} = {parameters[n]}" for n in named)
            raise UnsupportedError(
                f"energy table {self.technology}: {module}: no build runs {asked}"
            )
        guide = self._guide(module)
        return min(able, key=lambda f: _at_size(builds[f], guide, parameters, "area_um2"))


def _by_formats(rows: Sequence[Row], module: str) -> dict[Formats, list[Row]]:
    builds: dict[Formats, list[Row]] = {}
    for row in rows:
        if row.module == module:
            builds.setdefault(_build(row)[1], []).append(row)
    return builds


def _build(row: Row) -> tuple[str, Formats]:
    return row.module, tuple(row.parameters.get(name, 0) for name in FORMAT_PARAMETERS)


def _size_name(row: Row) -> str | None:
    return next((name for name in SIZE_PARAMETERS if name in row.parameters), None)


def _at_size(
    rows: Sequence[Row], guide: Sequence[Row], parameters: Mapping[str, int], key: str
) -> float:
    size = _size_name(rows[0])
    if size is None:
        return rows[0].value(key)
    wanted, only = parameters[size], rows[0].parameters[size]
    if len(guide) == 1:
        scale = wanted / only if rows[0].module == COLUMN else 1.0
        return rows[0].value(key) * scale
    if len(rows) == 1:
        of_guide = _on_line(guide, size, only, key)
        scale = _on_line(guide, size, wanted, key) / of_guide if of_guide else 1.0
        return rows[0].value(key) * scale
    return _on_line(rows, size, wanted, key)


def _on_line(rows: Sequence[Row], size: str, wanted: int, key: str) -> float:
    near = sorted(rows, key=lambda row: (abs(row.parameters[size] - wanted), row.parameters[size]))
    first, distance = near[0].value(key), wanted - near[0].parameters[size]
    other = next((row for row in near if row.parameters[size] != near[0].parameters[size]), None)
    if distance == 0 or other is None:
        return first
    step = other.parameters[size] - near[0].parameters[size]
    return first + (other.value(key) - first) * distance / step


@cache
def load_table(technology: str, clock_gated: bool) -> Table:
    """Return the table of `technology`, one of npusim.words.TECHNOLOGIES."""
    path = TABLES / f"{technology}.json"
    if not path.is_file():
        made = ", ".join(sorted(p.stem for p in TABLES.glob("*.json") if p.stem in TECHNOLOGIES))
        raise FormatError(
            f"{path.name}: expected an energy table of energy.technology {technology}, found none; "
            f"made are: {made}"
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: expected an energy table, found {error}") from None
    return table_of(document, clock_gated)


def table_of(document: Mapping[str, Any], clock_gated: bool) -> Table:
    """Return the table that a JSON document holds, of netlists with clock gates or without."""
    rows = [
        Row(
            row["module"],
            row["parameters"],
            float(row["area_um2"]),
            float(row["leakage_uw"]),
            {name: float(value) for name, value in row["energy_pj"].items()},
            {name: float(value) for name, value in row["clock_pj"].items()},
            row["clock_gated"],
            row.get("activity", {}),
        )
        for row in document["modules"]
    ]
    made = {(_build(row), row.clock_gated) for row in rows}
    chosen = tuple(
        row for row in rows
        if row.clock_gated == clock_gated or (_build(row), clock_gated) not in made
    )  # fmt: skip
    others = tuple(row for row in rows if not row.clock_gated and row not in chosen)
    left_out = tuple(document.get("left_out", ()))
    return Table(document["technology"], chosen, left_out, others)
