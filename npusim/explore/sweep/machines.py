"""The machines of a space: those that come with npusim, files, and variations of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from npusim.errors import FormatError, NpuError
from npusim.explore.sweep.values import choices, varied
from npusim.machines import Machine
from npusim.machines.machine import KEYS as MACHINE_KEYS
from npusim.machines.parts import keys_of_part
from npusim.toml_tables import keys_of

MOST_MACHINES = 100_000


@dataclass(frozen=True)
class MachineChoice:
    """One machine of the space, which may turn out not to be legal.

    `keys`: every key of the TOML but the name, as `part.key`.
    """

    name: str
    keys: Mapping[str, Any]

    def machine(self) -> Machine:
        """Return the machine.

        Raises
        ------
        RangeError
            A value is not legal, or does not go with another.
        """
        return Machine.load("base").with_({"name": self.name, **self.keys})


def flat_keys(machine: Machine) -> dict[str, Any]:
    """Return every key of a machine but its name, as `part.key`."""
    return {f"{part}.{key}": getattr(getattr(machine, part), key) for part, key, _ in MACHINE_KEYS}


KEYS: dict[str, Any] = flat_keys(Machine.load("base"))
"""Every key of a machine but its name, with a value of its type."""
VARIED: dict[str, Any] = {f"{part}.{key}": varied(kind) for part, key, kind in MACHINE_KEYS}


def _family_table() -> type[msgspec.Struct]:
    """Return a table [[machines]]: a base, and the keys of a machine with their values."""
    parts = {}
    for part, table in keys_of(Machine).items():
        if part != "name":
            fields = [(k, VARIED[f"{part}.{k}"] | UnsetType, UNSET) for k in keys_of(table)]
            name = f"Varied{table.__name__}"
            parts[part] = msgspec.defstruct(name, fields, forbid_unknown_fields=True, frozen=True)
    return msgspec.defstruct(
        "MachineFamily",
        [("base", varied(str)), *((part, kind | UnsetType, UNSET) for part, kind in parts.items())],
        forbid_unknown_fields=True,
        frozen=True,
    )


MachineFamily: Any = _family_table()


def machines_of(
    where: str, tables: Sequence[Any], written: Sequence[Mapping[str, Any]], folder: Path
) -> tuple[MachineChoice, ...]:
    """Return the machines of the `[[machines]]` tables, in the order in which they are `written`.

    `base` (a name, a file beside the space, or a list of them) is varied by every other key.

    Raises
    ------
    FormatError
        A base cannot be read; two machines have one name; there are too many.
    """
    found: list[MachineChoice] = []
    for number, (table, keys) in enumerate(zip(tables, written, strict=True), 1):
        found += _family(f"{where}: [[machines]] {number}", table, keys, folder)
        if len(found) > MOST_MACHINES:
            raise FormatError(f"{where}: expected at most {MOST_MACHINES:,} machines")
    named: dict[str, Mapping[str, Any]] = {}
    for machine in found:
        if named.setdefault(machine.name, machine.keys) != machine.keys:
            raise FormatError(f"{where}: two different machines are called {machine.name}")
    return tuple(found)


def _family(
    where: str, table: Any, written: Mapping[str, Any], folder: Path
) -> Iterator[MachineChoice]:
    paths = {f"{p}.{k}": (p, k) for p, own in written.items() if p != "base" for k in own}
    values_of = {
        path: choices(f"{where}: {path}", getattr(getattr(table, part), key), VARIED[path])
        for path, (part, key) in paths.items()
    }
    count = prod(len(values) for values in values_of.values())
    if count > MOST_MACHINES:
        raise FormatError(f"{where}: expected at most {MOST_MACHINES:,} machines, found {count:,}")
    for base in choices(f"{where}: base", table.base, varied(str)):
        try:
            machine = Machine.load(folder / base if base.endswith(".toml") else base)
        except NpuError as error:
            raise FormatError(f"{where}: base: {error}") from None
        keys = flat_keys(machine)
        for values in product(*values_of.values()):
            chosen = dict(zip(values_of, values, strict=True))
            if "array.formats" in chosen and "array.pwlq_bits" not in chosen:
                follows = keys["array.pwlq_bits"] if "pwlq" in chosen["array.formats"] else 0
                chosen["array.pwlq_bits"] = follows
            of_part = keys_of_part(chosen.get("dram.part")) or {}
            chosen = {**{f"dram.{key}": value for key, value in of_part.items()}, **chosen}
            named = [
                f"-{key.rpartition('.')[2]}{_brief(chosen[key])}"
                for key, several in values_of.items()
                if len(several) > 1
            ]
            yield MachineChoice(machine.name + "".join(named), {**keys, **chosen})


def _brief(value: Any) -> str:
    text = "_".join(value) if isinstance(value, tuple) else str(value)
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in text)
