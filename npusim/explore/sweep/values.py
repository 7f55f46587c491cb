"""Values of a space: a key takes one of its type, a list of them, or a range of integers."""

from __future__ import annotations

from collections.abc import Iterable
from types import GenericAlias, NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from npusim.errors import FormatError
from npusim.toml_tables import IllegalValue, Table

MOST_VALUES = 10_000


class Range(Table, frozen=True, rename={"first": "from", "last": "to"}, omit_defaults=True):
    """first, first + step, ... or first, first * times, ... up to `last`, in it where it is hit."""

    first: int
    last: int
    step: int | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        if (self.step is None) == (self.times is None):
            found = msgspec.to_builtins(self)
            raise IllegalValue(f"expected either step or times, found {found}")
        if self.step is not None:
            if self.step < 1:
                raise IllegalValue(f"step: expected at least 1, found {self.step}")
            count = (self.last - self.first) // self.step + 1
            if count > MOST_VALUES:
                raise IllegalValue(f"expected at most {MOST_VALUES} values, found {count}")
        elif self.times is not None and (self.first < 1 or self.times < 2):
            raise IllegalValue(
                f"expected from >= 1 and times >= 2, found {self.first} and {self.times}"
            )

    def values(self) -> list[int]:
        """Return the integers in order."""
        if self.step is not None:
            return list(range(self.first, self.last + 1, self.step))
        found, value = [], self.first
        while self.times is not None and value <= self.last:
            found.append(value)
            value *= self.times
        return found


def varied(kind: Any) -> Any:
    """Return the type of a key that takes one value of `kind`, a list of them, or a range.

    The limits of `kind` are not kept: a value that a machine cannot have is a row with its error.
    Of tuples (the formats of an array) one list is one value and a list of lists several.
    """
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(plain) is tuple:
        return list[str | list[str]]
    if NoneType in get_args(plain):
        plain = next(member for member in get_args(plain) if member is not NoneType)
    several = (GenericAlias(list, (plain,)), *((Range,) if plain is int else ()))
    return Union[plain, *several]


def one_of(names: Iterable[str]) -> Any:
    """Return the type of a text that is one of `names`, which are known when the program runs."""
    return Literal[tuple(names)]


def choices(where: str, value: Any, kind: Any) -> tuple[Any, ...]:
    """Return the values that `value` of a varied key of type `kind` stands for.

    Raises
    ------
    FormatError
        There is none.
    """
    if isinstance(value, Range):
        value = value.values()
    if kind == varied(tuple[str, ...]) and all(isinstance(one, str) for one in value):
        value = [value]
    if value == []:
        raise FormatError(f"{where}: expected at least one value, found none")
    found = value if isinstance(value, list) else [value]
    return tuple(tuple(one) if isinstance(one, list) else one for one in found)
