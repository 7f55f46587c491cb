"""Which modules are measured in which builds of the machine: the rows of an energy table."""

from __future__ import annotations

from tools.flow.traffic import Build
from tools.flow.units import (
    ACCUMULATORS,
    EPILOGUE,
    FORMED,
    LANE,
    LEVELS,
    LINES,
    OWN,
    SHARED,
    SIZED,
    UNITS,
    WEIGHTS,
    Unit,
)

FULL = (8, 1, 4)
WIDEST = (8, 1, 7)
"""All formats, pwlq as wide as there is: what machines with more than 4 bits are priced by."""
WITH_TABLE = Build(16, *FULL, lut=1), Build(16, 8, 0, 0, lut=1), Build(16, *WIDEST, lut=1)
"""With lut's table, which changes decoders; columns are those of uniform8."""
DOUBLED = (
    Build(16, 6, 0, 0, pwlq_double=1), Build(16, 8, 0, 0, pwlq_double=1),
    Build(16, *WIDEST, lut=1, pwlq_double=1),
)  # fmt: skip
"""With pwlq_double, whose integers are decoded for a column of uniform6 or uniform8."""
BUILDS: tuple[tuple[Build, tuple[Unit, ...]], ...] = (
    (Build(16, *FULL), (*SIZED, *OWN, LINES)),
    (Build(4, *FULL), (*UNITS, *OWN, EPILOGUE)),
    (Build(4, *FULL, 2), SHARED),
    (Build(4, *FULL, 4), SHARED),
    (Build(8, *FULL, 8), SHARED),
    (Build(16, 8, 0, 0), (*SIZED, ACCUMULATORS)),
    (Build(16, 6, 0, 0), SIZED),
    (Build(16, 4, 0, 0), SIZED),
    (Build(16, 0, 1, 0), SIZED),
    (Build(16, 0, 0, 4), SIZED),
    (Build(4, *WIDEST), (*FORMED, LANE)),
    *((build, (WEIGHTS,)) for build in (*WITH_TABLE, *DOUBLED)),
)
OF_ALL, FORM_OF_ALL = Build(16, *FULL), "uniform8"
"""The build that all networks run on, and in which format; otherwise digits alone runs."""


def units_by_module() -> dict[str, Unit]:
    """Return what makes the rows of each module."""
    return {unit.module: unit for unit, _ in all_units()}


def all_units() -> list[tuple[Unit, Build]]:
    """Return (unit, build) in the order of the table."""
    return [(unit, build) for build, units in BUILDS for unit in units] + [(LEVELS, WITH_TABLE[0])]
