"""Fit the energy, area and leakage of SRAM macros over words and bits, from their Liberty files.

    python -m tools.flow.make_sram FOLDER

FOLDER holds ihp_sg13g2/ (the macros and the standard cells) and nangate45/. Writes
npusim/cost/tables/sram_ihp_sg13g2.json: the fit, its residuals, and the factors by which it is
scaled to Nangate45, which has no macros. docs/energy.md explains both.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tools.checkout import ROOT, commit
from tools.flow.liberty_syntax import Group, leakage_unit_nw, read_liberty

TABLE = ROOT / "npusim/cost/tables/sram_ihp_sg13g2.json"
READ, WRITE = "A_MEN  & !A_WEN & A_REN", "A_MEN  & A_WEN  & !A_REN"
ACTIVITY = 0.25
"""Rises, and falls, of a random bit in a cycle."""

BITS, WORDS = (lambda n, w: w), (lambda n, w: n)
CONSTANT, CELLS = (lambda n, w: 1), (lambda n, w: n * w)
ENERGY_TERMS = {"constant": CONSTANT, "per_bit": BITS, "per_cell": CELLS}
AREA_TERMS = {"constant": CONSTANT, "per_bit": BITS, "per_word": WORDS, "per_cell": CELLS}
LEAKAGE_TERMS = {"per_cell": CELLS}
"""Terms of the fit in words n and bits of a word w; a cell holds one bit."""

SCALING: dict[str, Any] = {
    "feature_nm": {"ihp_sg13g2": 130, "nangate45": 45},
    "rule": "energy ~ feature size * voltage^2, area ~ feature size^2 (Dennard et al., IEEE JSSC "
    "9(5), 1974, 256-268: capacitance and length scale alike); leakage as that of a NAND2 of the "
    "standard cells in the two libraries",
}


def pin(cell: Group, name: str) -> Group:
    """Return the pin or bus called `name`."""
    return next(g for g in cell.groups if g.kind in ("pin", "bus") and g.name == name)


def toggle_pj(group: Group, when: str | None) -> tuple[float, float]:
    """Return a pin's internal energy of a rise and of a fall, under the condition `when`."""
    found = [
        power
        for power in group.all("internal_power")
        if when is None or power.attributes.get("when") == [when]
    ]
    edges = {edge.kind: float(edge.attributes["values"][0]) for edge in found[0].groups}
    return edges["rise_power"], edges["fall_power"]


def bus_pj(cell: Group, name: str, bits: int) -> float:
    """Return the energy of a bus of random bits in an access."""
    outer = pin(cell, name)
    inner = next(g for g in outer.all("pin") if any(g.all("internal_power")))
    return bits * ACTIVITY * sum(toggle_pj(inner, "A_MEN"))


def macro(path: Path) -> dict[str, Any]:
    """Return what a macro's Liberty file says of it."""
    library = read_liberty(path)
    (cell,) = library.all("cell")
    words, bits = map(int, re.findall(r"_(\d+)x(\d+)_", cell.name)[0])
    clock = pin(cell, "A_CLK")
    address = bus_pj(cell, "A_ADDR", int(words - 1).bit_length())
    nanowatts = float(cell.attributes["cell_leakage_power"][0]) * leakage_unit_nw(library)
    return {
        "macro": cell.name,
        "words": words,
        "bits": bits,
        "read_pj": round(sum(toggle_pj(clock, READ)) + address, 6),
        "write_pj": round(sum(toggle_pj(clock, WRITE)) + address + bus_pj(cell, "A_DIN", bits), 6),
        "area_um2": float(cell.attributes["area"][0]),
        "leakage_uw": nanowatts / 1000,
    }


Terms = dict[str, Callable[[int, int], int]]


def fit(macros: Sequence[dict[str, Any]], key: str, terms: Terms) -> dict[str, Any]:
    """Return least squares of the relative error, its residuals and those of leaving one out."""
    y = np.array([m[key] for m in macros])
    x = np.array([[term(m["words"], m["bits"]) for term in terms.values()] for m in macros])
    x = x / y[:, None]

    def solve(rows: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(x[rows], np.ones(int(rows.sum())), rcond=None)[0]

    everything = np.ones(len(y), bool)
    values = solve(everything)
    left_out = [x[i] @ solve(np.arange(len(y)) != i) - 1 for i in range(len(y))]
    return {
        "terms": {name: float(f"{v:.9g}") for name, v in zip(terms, values, strict=True)},
        "largest_residual": round(float(np.abs(x @ values - 1).max()), 4),
        "largest_residual_left_out": round(float(np.abs(left_out).max()), 4),
    }


def nand2_leakage_nw(path: Path, cell: str) -> float:
    """Return the leakage of `cell` in the library at `path`, nW."""
    library = read_liberty(path)
    found = next(group for group in library.all("cell") if group.name == cell)
    return float(found.attributes["cell_leakage_power"][0]) * leakage_unit_nw(library)


def voltage(path: Path) -> float:
    """Return the nominal voltage of a library, V."""
    return float(read_liberty(path).attributes["nom_voltage"][0])


def scaling(folder: Path, macro_path: Path) -> dict[str, Any]:
    """Return the factors from IHP's macros to memories of Nangate45."""
    nangate = folder / "nangate45/nangate45_typ.lib.gz"
    ihp = folder / "ihp_sg13g2/sg13g2_stdcell_typ_1p20V_25C.lib.gz"
    sizes = SCALING["feature_nm"]
    length = sizes["nangate45"] / sizes["ihp_sg13g2"]
    leakage = nand2_leakage_nw(nangate, "NAND2_X1") / nand2_leakage_nw(ihp, "sg13g2_nand2_1")
    volts = voltage(nangate) / voltage(macro_path)
    return SCALING | {
        "energy": round(length * volts**2, 6),
        "area": round(length**2, 6),
        "leakage": round(leakage, 3),
    }


def main() -> int:
    """Write the table."""
    if len(sys.argv) != 2 or not Path(sys.argv[1], "ihp_sg13g2").is_dir():
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    paths = sorted(folder.glob("ihp_sg13g2/RM_*.lib"))
    TABLE.write_text(json.dumps(table(folder, paths), indent=1) + "\n")
    return 0


def table(folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """Return the table of the macros in `paths`."""
    macros = sorted(map(macro, paths), key=lambda m: (m["words"], m["bits"]))
    return {
        "technology": "ihp_sg13g2",
        "voltage_v": voltage(paths[0]),
        "temperature_c": 25,
        "corner": "typical",
        "provenance": {
            "command": "python -m tools.flow.make_sram FOLDER",
            "commit": commit(),
            "library": "IHP SG13G2 single-port SRAM macros, OpenROAD-flow-scripts @ 8c009b0",
            "library_sha256": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths},
            "activity": ACTIVITY,
        },
        "words": [macros[0]["words"], max(m["words"] for m in macros)],
        "bits": [min(m["bits"] for m in macros), max(m["bits"] for m in macros)],
        "fit": {
            "read_pj": fit(macros, "read_pj", ENERGY_TERMS),
            "write_pj": fit(macros, "write_pj", ENERGY_TERMS),
            "area_um2": fit(macros, "area_um2", AREA_TERMS),
            "leakage_uw": fit(macros, "leakage_uw", LEAKAGE_TERMS),
        },
        "scaled": {"nangate45": scaling(folder, paths[0])},
        "macros": macros,
    }


if __name__ == "__main__":
    sys.exit(main())
