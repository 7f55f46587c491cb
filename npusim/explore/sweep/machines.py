"""The machines of a space: those that come with npusim, files, and variations of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from npusim.errors import FormatError, NpuError
from npusim.explore.sweep.values import check_keys, choices
from npusim.machines import Machine
from npusim.machines.machine import KEYS as MACHINE_KEYS

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
        lines = [f"name = {json.dumps(self.name)}"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in self.keys.items()]
        return Machine.from_toml("\n".join(lines))


def flat_keys(machine: Machine) -> dict[str, Any]:
    """Return every key of a machine but its name, as `part.key`."""
    return {f"{part}.{key}": getattr(getattr(machine, part), key) for part, key, _ in MACHINE_KEYS}


def read_machines(where: str, tables: Sequence[Any], folder: Path) -> tuple[MachineChoice, ...]:
    """Return the machines of the `[[machines]]` tables, in order.

    `base` (a name, a file beside the space, or a list of them) is varied by every other key.

    Raises
    ------
    FormatError
        A base cannot be read; an unknown key; a value of another type.
    """
    found: list[MachineChoice] = []
    for number, table in enumerate(tables, 1):
        found += _family(f"{where}: [[machines]] {number}", table, folder)
        if len(found) > MOST_MACHINES:
            raise FormatError(f"{where}: expected at most {MOST_MACHINES:,} machines")
    named: dict[str, Mapping[str, Any]] = {}
    for machine in found:
        if named.setdefault(machine.name, machine.keys) != machine.keys:
            raise FormatError(f"{where}: two different machines are called {machine.name}")
    return tuple(found)


def _family(where: str, table: Any, folder: Path) -> Iterator[MachineChoice]:
    check_keys(where, table, ("base", *PARTS), ("base",))
    for base in choices(f"{where}: base", table["base"], ""):
        path = folder / base if base.endswith(".toml") else base
        try:
            machine = Machine.load(path)
        except NpuError as error:
            raise FormatError(f"{where}: base: {error}") from None
        keys = flat_keys(machine)
        varied = _varied(where, table)
        count = prod(len(values) for values in varied.values())
        if count > MOST_MACHINES:
            raise FormatError(
                f"{where}: expected at most {MOST_MACHINES:,} machines, found {count:,}"
            )
        for values in product(*varied.values()):
            chosen = dict(zip(varied, values, strict=True))
            if "array.formats" in chosen and "array.pwlq_bits" not in chosen:
                follows = keys["array.pwlq_bits"] if "pwlq" in chosen["array.formats"] else 0
                chosen["array.pwlq_bits"] = follows
            named = [
                f"-{key.rpartition('.')[2]}{_brief(chosen[key])}"
                for key, values in varied.items()
                if len(values) > 1
            ]
            yield MachineChoice(machine.name + "".join(named), {**keys, **chosen})


def _varied(where: str, table: Mapping[str, Any]) -> dict[str, Any]:
    varied: dict[str, Any] = {}
    for part, own in table.items():
        if part == "base":
            continue
        if not isinstance(own, dict):
            raise FormatError(f"{where}: {part}: expected a table, found {own!r}")
        names = [key.removeprefix(f"{part}.") for key in KEYS if key.startswith(f"{part}.")]
        check_keys(f"{where}: {part}", own, names)
        for name, value in own.items():
            key = f"{part}.{name}"
            varied[key] = choices(f"{where}: {key}", value, KEYS[key])
    return varied


def _brief(value: Any) -> str:
    text = "_".join(value) if isinstance(value, tuple) else str(value)
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in text)


PARTS = tuple(dict.fromkeys(part for part, _, _ in MACHINE_KEYS))
KEYS: dict[str, Any] = flat_keys(Machine.load("base"))
"""Every key of a machine but its name, with a value of its type."""
