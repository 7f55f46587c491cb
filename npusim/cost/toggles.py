"""Energy of the array from what its operands did: bits that changed, times pJ a bit.

The table holds a fit for each weight format of npu_pe_column, on top of its clock. Its features
are counted by npusim/simulator/activity.py. All but products keeps its average price.
"""

from __future__ import annotations

from collections.abc import Mapping

from npusim.codes import ARRAY_FORMATS, MULTIPLIED_ON
from npusim.cost.logic import parameters
from npusim.cost.table import class_of, load_table
from npusim.errors import FormatError
from npusim.machines import Machine

COLUMN = "npu_pe_column"


def array_energy_pj(
    machine: Machine, technology: str, activity: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Return the energy of products by component, array_<format>, in pJ.

    Parameters
    ----------
    activity
        Weight format -> feature -> sum over the columns of the array.

    Raises
    ------
    FormatError
        The table has no fit of a format that was active, or lacks a feature.
    """
    table = load_table(technology, machine.energy.clock_gating)
    fits = table.nearest(COLUMN, parameters(machine)).activity
    energy = {f"array_{name}": 0.0 for name in ARRAY_FORMATS}
    for name, features in activity.items():
        if not any(features.values()):
            continue
        fit = fits.get(class_of(MULTIPLIED_ON.get(name, name), fits), {})
        for feature, changes in features.items():
            if feature not in fit:
                raise FormatError(
                    f"energy table {technology}: {COLUMN}: expected the activity fit of {name}, "
                    f"{feature}, found {sorted(fit)}"
                )
            energy[f"array_{name}"] += fit[feature] * changes
    return energy


def replaced(average: Mapping[str, float], array: Mapping[str, float]) -> dict[str, float]:
    """Return an energy (`total` and components) with the array's components replaced."""
    energy = {**average, **array}
    del energy["total"]
    return {"total": sum(energy.values()), **energy}
