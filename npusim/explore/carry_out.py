"""Tasks carried out once, wherever they run: here, in processes, on Dask; resumable.

What a task finds is kept in a journal beside the results as soon as it is finished.

What carries tasks out is imported when some are: commands that only ask for a Place stay light.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from npusim.errors import UnsupportedError

if TYPE_CHECKING:
    from npusim.explore.sweep.execution import Job

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Place:
    """Where tasks run, and where what they find is kept."""

    workers: int | None = None
    """Processes of this machine."""
    scheduler: str | None = None
    """The address of a Dask cluster; this process where there are no workers either."""
    journal: Path | None = None
    """The results' file, beside which what is finished is kept in `NAME.sweep`; None: nowhere."""
    resume: bool = False
    """Continue what is in the journal: what it holds is not carried out again."""

    @property
    def is_here(self) -> bool:
        """Whether tasks run in this process, one after the other."""
        return self.workers is None and self.scheduler is None

    def threads(self, asked: int | None) -> int | None:
        """Return the cores that a task takes: as asked, but one in a worker where nothing is."""
        return asked if self.is_here else asked or 1


HERE = Place()


def carry_out(
    keys: Mapping[Name, str],
    job: Callable[[Name], Job],
    place: Place = HERE,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[Name, Mapping[str, Any]]:
    """Return what each task found, by its name, in the order of `keys`.

    Parameters
    ----------
    keys
        Of each task a hash of everything that decides what it finds: its key in the journal.
    job
        Makes the call of a task.
    progress
        Called with how many are done.

    Raises
    ------
    NpuError
        Workers and scheduler both, no answer of the scheduler, a journal that cannot be used, or a
        task that could not be carried out.
    """
    from npusim.explore.sweep.execution import chosen
    from npusim.explore.sweep.journal import Journal

    found: dict[Name, Mapping[str, Any]] = {}
    kept = nullcontext(None) if place.journal is None else Journal(place.journal, place.resume)
    with kept as finished, chosen(place.workers, place.scheduler) as run:
        if finished is not None:
            found = {name: finished[key].found for name, key in keys.items() if key in finished}
        left = [name for name in keys if name not in found]
        progress(len(found))
        for i, outcome in run([job(name) for name in left]):
            if outcome.error:
                raise UnsupportedError(outcome.error)
            if finished is not None:
                finished.add(keys[left[i]], outcome)
            found[left[i]] = outcome.found
            progress(len(found))
        if finished is not None:
            finished.complete()
    return {name: found[name] for name in keys}
