"""A technology's table: area, leakage, delay and energy of the modules of rtl/, as synthesized.

Rows are builds of a module: which weight formats it runs, and its size. A build that is not in the
table is priced by two rules: formats as the smallest build that runs all that are asked for; sizes
on the straight line through the two nearest sizes (a bus comes with its array's size).
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
        rows = [row for row in self.rows if row.module == module]
        if not rows:
            raise FormatError(f"energy table {self.technology}: expected {module}, found no row")
        return _at_size(self._of_formats(rows, parameters), parameters, key)

    def _of_formats(self, rows: Sequence[Row], parameters: Mapping[str, int]) -> list[Row]:
        """Return the rows of the least build that runs the formats in `parameters`."""
        names = [name for name in FORMAT_PARAMETERS if name in rows[0].parameters]
        builds: dict[tuple[int, ...], list[Row]] = {}
        for row in rows:
            if all(row.parameters[name] >= parameters[name] for name in names):
                builds.setdefault(tuple(row.parameters[name] for name in names), []).append(row)
        if not builds:
            asked = ", ".join(f"{name} = {parameters[name]}" for name in names)
            raise UnsupportedError(
                f"energy table {self.technology}: {rows[0].module}: no build runs {asked}"
            )
        # Builds come in the same sizes, or in some of them: compare at the least.
        return min(builds.values(), key=lambda found: min(row.area_um2 for row in found))


def _at_size(rows: Sequence[Row], parameters: Mapping[str, int], key: str) -> float:
    size = next((name for name in SIZE_PARAMETERS if name in rows[0].parameters), None)
    if size is None:
        return rows[0].value(key)
    wanted = parameters[size]
    near = sorted(rows, key=lambda row: (abs(row.parameters[size] - wanted), row.parameters[size]))
    first, distance = near[0].value(key), wanted - near[0].parameters[size]
    if distance == 0 or len(near) == 1:
        return first
    step = near[1].parameters[size] - near[0].parameters[size]
    return first + (near[1].value(key) - first) * distance / step


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
