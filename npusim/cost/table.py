"""A technology's table: area, leakage, delay and energy of the modules of rtl/, as synthesized.

Rows are builds of a module: which weight formats it runs, and its size. A build that is not in the
table is priced by two rules. Formats: as the smallest build that runs all that are asked for.
Sizes: on the straight line through the two nearest sizes of that build; where it has one size
alone, in the proportion in which the build with most sizes changes. A bus comes with its array's
size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from npusim.cost.sram import TABLES
from npusim.errors import FormatError, UnsupportedError

FORMAT_PARAMETERS = ("UNIFORM_BITS", "SUBSET", "PWLQ_BITS")
SIZE_PARAMETERS = ("SIZE", "ROWS", "SUM_BITS", "BUS_BYTES")
"""What a module's size is measured by: the first of these that it has."""


@dataclass(frozen=True)
class Row:
    """A module as built with `parameters`: um2, uW, ns, and pJ by operation class."""

    module: str
    parameters: Mapping[str, int]
    area_um2: float
    leakage_uw: float
    path_ns: float
    energy_pj: Mapping[str, float]

    def value(self, key: str) -> float:
        """Return area_um2, leakage_uw or path_ns, or the energy of an operation class."""
        if key in ("area_um2", "leakage_uw", "path_ns"):
            return float(getattr(self, key))
        if key not in self.energy_pj:
            known = ", ".join(self.energy_pj)
            raise FormatError(
                f"energy table: {self.module}: expected operation {key}, found {known}"
            )
        return self.energy_pj[key]


@dataclass(frozen=True)
class Table:
    """All rows of a technology."""

    technology: str
    rows: tuple[Row, ...]

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
        builds: dict[tuple[int, ...], list[Row]] = {}
        for row in self.rows:
            if row.module == module:
                formats = tuple(row.parameters.get(name, 0) for name in FORMAT_PARAMETERS)
                builds.setdefault(formats, []).append(row)
        if not builds:
            raise FormatError(f"energy table {self.technology}: expected {module}, found no row")
        wanted = tuple(parameters[name] for name in FORMAT_PARAMETERS)
        if builds.keys() == {(0,) * len(wanted)}:  # no business of this module
            wanted = (0,) * len(wanted)
        able = [f for f in builds if all(a >= b for a, b in zip(f, wanted, strict=True))]
        if not able:
            asked = ", ".join(f"{n} = {parameters[n]}" for n in FORMAT_PARAMETERS)
            raise UnsupportedError(
                f"energy table {self.technology}: {module}: no build runs {asked}"
            )
        guide = max(builds.values(), key=len)

        def at_size(formats: tuple[int, ...], what: str) -> float:
            return _at_size(builds[formats], guide, parameters, what)

        return at_size(min(able, key=lambda formats: at_size(formats, "area_um2")), key)


def _at_size(
    rows: Sequence[Row], guide: Sequence[Row], parameters: Mapping[str, int], key: str
) -> float:
    size = next((name for name in SIZE_PARAMETERS if name in rows[0].parameters), None)
    if size is None or len(guide) == 1:
        return rows[0].value(key)
    wanted = parameters[size]
    if len(rows) == 1:
        only = rows[0].parameters[size]
        return (
            rows[0].value(key)
            * _on_line(guide, size, wanted, key)
            / _on_line(guide, size, only, key)
        )
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
def load_table(technology: str) -> Table:
    """Return the table of `technology`, one of npusim.machines.machine.TECHNOLOGIES."""
    path = TABLES / f"{technology}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: expected an energy table, found {error}") from None
    return table_of(document)


def table_of(document: Mapping[str, Any]) -> Table:
    """Return the table that a JSON document holds."""
    return Table(
        document["technology"],
        tuple(
            Row(
                row["module"],
                row["parameters"],
                float(row["area_um2"]),
                float(row["leakage_uw"]),
                float(row["path_ns"]),
                {name: float(value) for name, value in row["energy_pj"].items()},
            )
            for row in document["modules"]
        ),
    )


def has_table(technology: str) -> bool:
    """Return whether the table of `technology` is made."""
    return (TABLES / f"{technology}.json").is_file()
