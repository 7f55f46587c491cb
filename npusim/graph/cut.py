"""Cutting a network off: what outputs need, and which outputs leave out what is not supported."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """An operator of a file by the names of its tensors."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def needed(
    operations: Sequence[Operation],
    outputs: Collection[str],
    updates: Mapping[str, str] | None = None,
) -> tuple[set[str], set[str]]:
    """Return the names of the operations that `outputs` need, and of all tensors they take.

    `updates` maps the value of each state to the tensor that replaces it: who needs the one needs
    the other.
    """
    names: set[str] = set()
    tensors, size = set(outputs), -1
    while size != len(tensors):
        size = len(tensors)
        for operation in reversed(operations):
            if tensors.intersection(operation.writes):
                names.add(operation.name)
                tensors.update(operation.reads)
        tensors.update(update for value, update in (updates or {}).items() if value in tensors)
    return names, tensors


def cut_before(
    operations: Sequence[Operation], refused: Collection[str], outputs: Sequence[str]
) -> tuple[str, ...]:
    """Return the tensors that are the outputs where the nodes `refused` are cut off.

    They are the outputs that do not need them, and the computed tensors that they read. A node that
    a reader makes of an operation has its name, or its name, a colon and more.
    """
    computed: set[str] = set()
    behind: set[str] = set()
    cut: dict[str, None] = {}
    for operation in operations:
        own = f"{operation.name}:"
        hit = operation.name in refused or any(name.startswith(own) for name in refused)
        if hit or behind.intersection(operation.reads):
            behind.update(operation.writes)
            cut.update(dict.fromkeys(name for name in operation.reads if name in computed))
        else:
            computed.update(operation.writes)
    cut.update(dict.fromkeys(name for name in outputs if name in computed))
    return tuple(cut)
