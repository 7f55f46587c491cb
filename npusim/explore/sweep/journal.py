"""What a sweep has finished, kept so that SIGKILL at any moment loses nothing that was finished.

A folder beside the results with an SQLite database, `journal.sqlite`: one row for each finished
task in the order in which they finished, with the integer network that it made, on the disk before
the sweep goes on. Any tool can read it while the sweep runs. `lock` is a database as well, whose
lock the one process that may write holds, and SQLite gives up when that process dies.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npusim.errors import FormatError
from npusim.explore.sweep.tasks import ModelFile, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 1
"""Of the database's form, its `user_version`."""
COMPLETE = "complete"
"""The key of the row that a finished sweep ends with."""
FORM = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS tasks (
    number INTEGER PRIMARY KEY,  -- the order in which tasks finished
    key TEXT NOT NULL UNIQUE,
    found TEXT NOT NULL,         -- what the task found, JSON
    error TEXT NOT NULL,         -- why it could not, else empty
    final INTEGER NOT NULL,      -- whether the same inputs give the same again
    model_key TEXT,              -- hash of the network that it made
    model_name TEXT,
    model BLOB
) STRICT;
PRAGMA user_version = {VERSION};
"""


class Journal:
    """The finished tasks of a sweep by their key; a context, which one process holds at a time."""

    def __init__(self, results: Path, resume: bool) -> None:
        """Open the journal of the table `results`, to continue it (`resume`) or to begin anew.

        Raises
        ------
        FormatError
            Another process holds it, it is damaged, or there is an unfinished one to resume.
        """
        self.folder = results.with_name(f"{results.name}.sweep")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FormatError(f"{self.folder}: cannot write it: {error.strerror}") from None
        self._lock = sqlite3.connect(self.folder / "lock", timeout=0, isolation_level=None)
        self._path = self.folder / "journal.sqlite"
        self._tasks = sqlite3.connect(self._path, isolation_level=None)
        try:
            self._begin(resume)
        except BaseException:
            self.__exit__()
            raise

    def _begin(self, resume: bool) -> None:
        try:
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise FormatError(f"{self.folder}: another sweep is writing it") from None
            raise FormatError(f"{self.folder}: cannot write it: {error}") from None
        with self._errors():
            ((version,),) = self._tasks.execute("PRAGMA user_version")
            if version not in (0, VERSION):
                raise FormatError(f"{self._path}: expected version {VERSION}, found {version}")
            self._tasks.executescript(FORM)
            keys = [key for (key,) in self._tasks.execute("SELECT key FROM tasks ORDER BY number")]
            if not resume and keys and keys[-1] != COMPLETE:
                raise FormatError(
                    f"{self.folder}: an unfinished sweep with {len(keys)} finished tasks: expected "
                    "--resume to continue it, or that you remove the folder"
                )
            for key in keys:
                if not (resume and (key == COMPLETE or self._is_whole(key))):
                    self._tasks.execute("DELETE FROM tasks WHERE key = ?", (key,))

    def _is_whole(self, key: str) -> bool:
        """Return whether a task's row says all that it found, once for all."""
        found, final, wanted, name, content = self._row(
            "found, final, model_key, model_name, model", key
        )
        if not isinstance(json.loads(found), dict):
            raise FormatError(f"{self._path}: task {key}: expected what it found, read {found!r}")
        if wanted is None or content is None:
            return bool(final) and wanted is None
        with self._errors():
            return bool(final) and ModelFile(name, content).key == wanted

    def _row(self, columns: str, key: str) -> Any:
        with self._errors():
            found = self._tasks.execute(f"SELECT {columns} FROM tasks WHERE key = ?", (key,))
            return found.fetchone()

    def __contains__(self, key: str) -> bool:
        return self._row("1", key) is not None

    def __getitem__(self, key: str) -> Outcome:
        """Return what task `key` gave, without its model."""
        found, error, final = self._row("found, error, final", key)
        return Outcome(json.loads(found), error, bool(final))

    def has_model(self, key: str) -> bool:
        """Return whether task `key` made a model."""
        return self._row("model_key", key) not in (None, (None,))

    def model(self, key: str) -> ModelFile:
        """Return the model that task `key` made, from the disk: all of them may not fit memory."""
        return ModelFile(*self._row("model_name, model", key))

    def add(self, key: str, outcome: Outcome) -> None:
        """Keep what a task gave; when this returns it is on the disk.

        Raises
        ------
        FormatError
            It cannot be written.
        """
        row = (key, json.dumps(dict(outcome.found)), outcome.error, outcome.final)
        model = outcome.model
        if model is None:
            self._insert(*row, None, None, None)
        else:
            self._insert(*row, model.key, model.name, model.content)

    def complete(self) -> None:
        """Note that the results are written."""
        self._insert(COMPLETE, "{}", "", True, None, None, None)

    def _insert(self, *row: Any) -> None:
        columns = "key, found, error, final, model_key, model_name, model"
        with self._errors():
            self._tasks.execute(
                f"INSERT OR REPLACE INTO tasks ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what SQLite has to say into one line."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise FormatError(f"{self.folder}: cannot write it: {error}") from None
        except FormatError as error:
            raise FormatError(f"{self._path}: {error}") from None
        except (sqlite3.DatabaseError, ValueError, TypeError, RecursionError) as error:
            raise FormatError(f"{self._path}: expected a journal of a sweep: {error}") from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._tasks.close()
        self._lock.close()
