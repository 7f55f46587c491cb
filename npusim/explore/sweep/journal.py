"""What a sweep has finished, kept so that SIGKILL at any moment loses nothing that was finished.

A folder beside the results: `journal.jsonl`, one line for each finished task, appended with one
write and forced to the disk before the sweep goes on; and `models/`, the integer networks, each
written whole before the line that speaks of it. A line that a crash cut short is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from npusim.errors import FormatError
from npusim.explore.sweep.tasks import ModelFile, Outcome

COMPLETE = "complete"
"""The key of the line that a finished sweep ends with."""


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
        self._models = self.folder / "models"
        self._outcomes: dict[str, Outcome] = {}
        self._names: dict[str, str] = {}
        try:
            self._models.mkdir(parents=True, exist_ok=True)
            path = self.folder / "journal.jsonl"
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise FormatError(f"{self.folder}: cannot write it: {error.strerror}") from None
        try:
            self._begin(path, resume)
        except BaseException:
            os.close(self._file)
            raise

    def _begin(self, path: Path, resume: bool) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FormatError(f"{self.folder}: another sweep is writing it") from None
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        records = [_record(path, i, line) for i, line in enumerate(whole.splitlines(), 1)]
        if not resume and records and records[-1]["key"] != COMPLETE:
            done = sum(record["key"] != COMPLETE for record in records)
            raise FormatError(
                f"{self.folder}: an unfinished sweep with {done} finished tasks: expected --resume "
                "to continue it, or that you remove the folder"
            )
        if not resume:
            whole, records = b"", []
            for model in self._models.iterdir():
                model.unlink()
        os.ftruncate(self._file, len(whole))
        _sync(self.folder)
        _sync(self.folder.parent)
        for record in records:
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        if record["key"] == COMPLETE or not record["final"]:
            return
        if record["model"] is not None:
            try:
                content = (self._models / record["key"]).read_bytes()
            except OSError:
                return  # somebody tidied up: the task is done again
            name = record["model"]["name"]
            if ModelFile(name, content).key != record["model"]["key"]:
                return
            self._names[record["key"]] = name
        self._outcomes[record["key"]] = Outcome(record["found"], record["error"], record["final"])

    def __contains__(self, key: str) -> bool:
        return key in self._outcomes

    def __getitem__(self, key: str) -> Outcome:
        """Return what task `key` gave, without its model."""
        return self._outcomes[key]

    def has_model(self, key: str) -> bool:
        """Return whether task `key` made a model."""
        return key in self._names

    def model(self, key: str) -> ModelFile:
        """Return the model that task `key` made, from the disk: all of them may not fit memory.

        Raises
        ------
        FormatError
            Somebody removed the file since.
        """
        try:
            return ModelFile(self._names[key], (self._models / key).read_bytes())
        except OSError as error:
            raise FormatError(f"{self._models / key}: cannot read it: {error.strerror}") from None

    def add(self, key: str, outcome: Outcome) -> None:
        """Keep what a task gave; when this returns it is on the disk."""
        model = None
        try:
            if outcome.model is not None:
                model = {"name": outcome.model.name, "key": outcome.model.key}
                self._keep(self._models / key, outcome.model.content)
                self._names[key] = outcome.model.name
            self._append(
                {
                    "key": key,
                    "found": dict(outcome.found),
                    "error": outcome.error,
                    "final": outcome.final,
                    "model": model,
                }
            )
        except OSError as error:
            raise FormatError(f"{self.folder}: cannot write it: {error.strerror}") from None
        self._outcomes[key] = replace(outcome, model=None)

    def complete(self) -> None:
        """Note that the results are written."""
        self._append({"key": COMPLETE})

    def _append(self, record: dict[str, Any]) -> None:
        line = json.dumps(record).encode() + b"\n"
        if os.write(self._file, line) != len(line):
            raise FormatError(f"{self.folder}: cannot write it: no space left")
        os.fsync(self._file)

    def _keep(self, path: Path, content: bytes) -> None:
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync(self._models)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
        if record["key"] != COMPLETE:
            _ = record["found"], record["error"], record["final"], record["model"]
    except (ValueError, TypeError, KeyError):
        raise FormatError(f"{path}: line {number}: expected a record of a sweep") from None
    return record


def _sync(folder: Path) -> None:
    """Force a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
