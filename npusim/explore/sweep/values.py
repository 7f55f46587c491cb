"""Values of a space: one, a list of them, or a range."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from npusim.errors import FormatError

MOST_VALUES = 10_000
RANGE_KEYS = ("from", "to", "step", "times")


def choices(where: str, value: Any, like: Any) -> tuple[Any, ...]:
    """Return the values that `value` stands for, each of the type of `like`.

    A list means its members; `{from, to, step}` from, from + step, ... up to `to`, which is in it
    where it is hit; `{from, to, times}` from, from * times, ... . Where `like` is itself a list
    (the formats of an array), one list is one value and a list of lists several.

    Raises
    ------
    FormatError
        A value has another type, or the range is empty, endless or larger than 10,000.
    """
    if isinstance(value, dict):
        found: tuple[Any, ...] = _range(where, value)
    elif isinstance(value, list) and (
        not isinstance(like, tuple) or all(isinstance(member, list) for member in value)
    ):
        found = tuple(value)
    else:
        found = (value,)
    if not found:
        raise FormatError(f"{where}: expected at least one value, found none")
    return tuple(_typed(where, member, like) for member in found)


def _typed(where: str, value: Any, like: Any) -> Any:
    if isinstance(like, tuple):
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return tuple(value)
        raise FormatError(f"{where}: expected a list of names, found {value!r}")
    kinds = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}
    kind = type(like)
    good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not good:
        raise FormatError(f"{where}: expected {kinds[kind]}, found {value!r}")
    return value


def _range(where: str, table: Mapping[str, Any]) -> tuple[int, ...]:
    check_keys(where, table, RANGE_KEYS, ("from", "to"))
    if ("step" in table) == ("times" in table):
        raise FormatError(f"{where}: expected either step or times, found {dict(table)}")
    for key, number in table.items():
        if not isinstance(number, int) or isinstance(number, bool):
            raise FormatError(f"{where}: {key}: expected an integer, found {number!r}")
    first, last = table["from"], table["to"]
    if "step" in table:
        if table["step"] < 1:
            raise FormatError(f"{where}: step: expected at least 1, found {table['step']}")
        count = (last - first) // table["step"] + 1
        if count > MOST_VALUES:
            raise FormatError(f"{where}: expected at most {MOST_VALUES} values, found {count}")
        return tuple(range(first, last + 1, table["step"]))
    if first < 1 or table["times"] < 2:
        raise FormatError(
            f"{where}: expected from >= 1 and times >= 2, found {first} and {table['times']}"
        )
    found = []
    while first <= last:
        found.append(first)
        first *= table["times"]
    return tuple(found)


def check_keys(
    where: str, table: Mapping[str, Any], known: Collection[str], needed: Collection[str] = ()
) -> None:
    """Raise FormatError for the first key that is unknown or missing."""
    for key in table:
        if key not in known:
            raise FormatError(f"{where}: unknown key {key}; known are {', '.join(known)}")
    for key in needed:
        if key not in table:
            raise FormatError(f"{where}: key {key} is missing")
