"""SRAM of any size: energy of an access, area and leakage from a fit of real macros.

A memory of `words` of `bits` is built of macros of at most 64 bits side by side, and of at most
4096 words above each other; one row of them answers an access. Between the macros that were fitted
the fit interpolates; below 64 words it extrapolates. tools/flow/make_sram.py fits, docs/energy.md
states the residuals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLES = Path(__file__).resolve().parent / "tables"
FITTED = "ihp_sg13g2"


@dataclass(frozen=True)
class Memory:
    """A single-port memory: pJ of an access to one word, um2, uW."""

    read_pj: float
    write_pj: float
    area_um2: float
    leakage_uw: float


@cache
def _table() -> Mapping[str, Any]:
    text = (TABLES / f"sram_{FITTED}.json").read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def _fitted(key: str, words: int, bits: float) -> float:
    """Return the fit of one macro."""
    features = {"constant": 1, "per_bit": bits, "per_word": words, "per_cell": words * bits}
    terms = _table()["fit"][key]["terms"]
    return sum(float(value) * features[name] for name, value in terms.items())


def memory(words: int, bits: int, technology: str) -> Memory:
    """Return the memory of `words` of `bits` in `technology`."""
    table = _table()
    scale = {"energy": 1.0, "area": 1.0, "leakage": 1.0}
    if technology != FITTED:
        scale = table["scaled"][technology]
    across = -(-bits // table["bits"][1])
    deep = -(-words // table["words"][1])
    one = (-(-words // deep), bits / across)
    return Memory(
        across * _fitted("read_pj", *one) * scale["energy"],
        across * _fitted("write_pj", *one) * scale["energy"],
        across * deep * _fitted("area_um2", *one) * scale["area"],
        across * deep * _fitted("leakage_uw", *one) * scale["leakage"],
    )
