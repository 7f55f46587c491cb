"""What a sweep keeps beside its results, as its documentation names it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def journal_of(results: Path) -> Path:
    """Return the journal of the sweep that writes `results`."""
    return results.with_name(f"{results.name}.sweep") / "journal.sqlite"


def keys_of(results: Path) -> list[str]:
    """Return the finished tasks in their order, as any tool reads them while the sweep runs."""
    if not journal_of(results).exists():
        return []
    with closing(sqlite3.connect(journal_of(results))) as journal:
        if not journal.execute("SELECT 1 FROM sqlite_master WHERE name = 'tasks'").fetchone():
            return []
        return [key for (key,) in journal.execute("SELECT key FROM tasks ORDER BY number")]
