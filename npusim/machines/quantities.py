"""What a machine's file may say in other words: seconds for cycles, a part for its keys.

Each fact is said once: a file that states both is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, NamedTuple

from npusim.errors import FormatError, RangeError, suggested
from npusim.machines.dram import Dram
from npusim.machines.parts import DEFAULT, PARTS, keys_of_part
from npusim.toml_tables import keys_of


class Quantity(NamedTuple):
    """`key` of a table stands for its `other`: a rate or a time, of the clock `clock`."""

    part: str
    key: str
    other: str
    clock: tuple[str, str] = ("clock", "frequency_hz")
    meaning: str = ""

    @property
    def name(self) -> str:
        """The key with its table."""
        return f"{self.part}.{self.key}"


_DRAM_CLOCK = ("dram", "clock_hz")
_SUFFIX = "_clocks"
QUANTITIES = (
    Quantity("bus", "bytes_per_second", "bus_bytes", meaning="bytes in a second, for bus_bytes"),
    Quantity("memory", "latency_ns", "latency_cycles", meaning="ns, for latency_cycles"),
    *(
        Quantity("dram", key.replace(_SUFFIX, "_ns"), key, _DRAM_CLOCK, f"ns, for {key}")
        for key in keys_of(Dram)
        if key.endswith(_SUFFIX)
    ),
)
KNOWN = {found.name for found in QUANTITIES}


def overlaid(base: Mapping[str, Any], document: dict[str, Any], where: str) -> dict[str, Any]:
    """Return `base` with what `document` states, table by table, in the machine's own keys.

    Raises
    ------
    FormatError, RangeError
        A fact is stated twice, a clock is not known, or a value comes to no legal one.
    """
    given = [found for found in QUANTITIES if found.key in _table(document, found.part)]
    for one in given:
        if one.other in _table(document, one.part):
            raise FormatError(f"{where}: {one.name}: expected it or {one.other}, found both")
    merged = dict(base)
    for key, value in document.items():
        if key == "dram" and isinstance(value, dict):
            value = {**_keys_of_part(base, value, where), **value}
        is_table = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = {**base[key], **value} if is_table else value
    for one in given:
        table = {key: value for key, value in merged[one.part].items() if key != one.key}
        merged[one.part] = {**table, one.other: _converted(one, merged, where)}
    return merged


def _table(document: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    table = document.get(part)
    return table if isinstance(table, dict) else {}


def _keys_of_part(base: Mapping[str, Any], given: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the keys that a [dram] table means beside those that it states."""
    if "part" not in given and "dram" in base:
        return {}
    name = given.get("part", DEFAULT.part)
    found = keys_of_part(name)
    if found is None:
        known = ", ".join(PARTS)
        hint = suggested(str(name), PARTS)
        raise RangeError(f"{where}: dram.part: expected one of {known}, found {name!r}{hint}")
    return found


def _converted(one: Quantity, document: Mapping[str, Any], where: str) -> int:
    """Return the cycles of a time, rounded up, or the bytes a cycle of a rate, which are whole."""
    value = document[one.part][one.key]
    clock_hz = _table(document, one.clock[0]).get(one.clock[1])
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (clock_hz and isinstance(clock_hz, int) and is_number and 0 < value < 1e18):
        what = "a rate and the clock" if one.part == "bus" else "a time and the clock"
        raise FormatError(f"{where}: {one.name}: expected {what}, found {value!r}")
    if one.part != "bus":
        return ceil(value * clock_hz / 1e9 - 1e-6)
    if value / clock_hz != int(value / clock_hz):
        raise RangeError(
            f"{where}: {one.name}: expected a multiple of clock.frequency_hz = {clock_hz:g}, "
            f"found {value:g}"
        )
    return int(value / clock_hz)


def with_quantities(table: dict[str, Any], part: str, is_complete: bool) -> None:
    """Add the other words of a part to the JSON schema of its table."""
    for one in QUANTITIES:
        if one.part != part:
            continue
        table["properties"][one.key] = {"type": "number", "description": one.meaning}
        either = [{"required": [one.key]}, {"required": [one.other]}]
        if is_complete and one.other in table["required"]:
            table["required"].remove(one.other)
            table.setdefault("allOf", []).append({"oneOf": either})
        else:
            both = {"required": [one.key, one.other]}
            table.setdefault("allOf", []).append({"not": both})
