"""What a sweep keeps beside its results, as its documentation names it."""

from __future__ import annotations

from pathlib import Path


def journal_of(results: Path) -> Path:
    """Return the journal of the sweep that writes `results`."""
    return results.with_name(f"{results.name}.sweep") / "journal.jsonl"
