"""TOML documents as typed tables, with errors of one line: what, where, expected, found.

A table is a class whose annotations say everything: type, range, meaning. msgspec reads documents
by them and publishes them as a JSON schema; a value is checked by the same annotation where a table
is made in Python.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, UnsetType

from npusim.errors import FormatError, NpuError, RangeError, suggested
from npusim.parameter import Parameter
from npusim.reading import file_text

Kind = TypeVar("Kind")
POWER = "a power of two"


def count(least: int, most: int, meaning: str, parameter: Parameter | None = None) -> Meta:
    """Return the annotation of an integer in least..most; `parameter`: what it is in the RTL."""
    extra = {"what": "an integer", "parameter": parameter}
    return Meta(ge=least, le=most, description=meaning, extra=extra)


def powers(
    least: int,
    most: int,
    meaning: str,
    verilog: str = "",
    register: str = "",
    low: int = 0,
    width_bits: int = 0,
) -> Meta:
    """Return the annotation of a power of two in least..most.

    A size of the RTL says its Verilog parameter, and the field `register.field` of `width_bits`
    from bit `low` that reads it back.
    """
    values = [1 << i for i in range(most.bit_length()) if least <= 1 << i <= most]
    name, _, field = register.partition(".")
    parameter = Parameter(verilog, name, field, low, width_bits, meaning) if verilog else None
    return Meta(
        ge=least, le=most, description=meaning, extra_json_schema={"enum": values},
        extra={"what": POWER, "parameter": parameter},
    )  # fmt: skip


class IllegalValue(RangeError, ValueError):
    """What a table's own check raises: msgspec adds the place where it stands in a document."""


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a document: its values are those that its annotations allow.

    Raises
    ------
    IllegalValue
        A value is not legal; the message names the key, the expectation and the value.
    """

    prefix: ClassVar[str] = ""
    """What stands before a key in messages."""

    def __post_init__(self) -> None:
        for name, kind in keys_of(type(self)).items():
            if not _is_table(kind):
                check_value(self.prefix + name, getattr(self, name), kind)


@lru_cache(maxsize=64)
def keys_of(table: type) -> Mapping[str, Any]:
    """Return the annotated type of each key of a table."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(table)}


def metadata(kind: Any) -> Meta:
    """Return the annotation of a type; an empty one where it has none."""
    found = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((item for item in found if isinstance(item, Meta)), Meta())


def check_value(where: str, value: Any, kind: Any) -> None:
    """Raise IllegalValue where `value` is not what `kind` allows."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        good = False
    else:
        is_power = (metadata(kind).extra or {}).get("what") == POWER
        good = not (is_power and value & (value - 1)) and value == value  # no number equals nan
    if not good:
        raise IllegalValue(f"{where}: expected {expectation(kind)}, found {value!r}")


def expectation(kind: Any) -> str:
    """Return in words what `kind` allows."""
    meta, plain = metadata(kind), _plain(kind)
    if meta.extra and "expected" in meta.extra:
        return str(meta.extra["expected"])
    if _is_table(plain):
        return "a table"
    if get_origin(plain) is Literal:
        return f"one of {', '.join(map(str, get_args(plain)))}"
    if plain in (int, float):
        what = (meta.extra or {}).get("what", "an integer" if plain is int else "a number")
        return what if meta.ge is None else f"{what} in {_number(meta.ge)}..{_number(meta.le)}"
    words = {
        bool: "true or false", str: "a text", tuple: "a list of names", list: "a list of names",
        dict: "a table",
    }  # fmt: skip
    return words.get(get_origin(plain) or plain, "another value")


def parsed(text: str, where: str) -> dict[str, Any]:
    """Return the document in `text`; raise FormatError where it is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits, a deep nest
        raise FormatError(f"{where}: expected TOML, found {error}") from None


def text_of(path: Path) -> str:
    """Return the text of a file; raise FormatError where there is none."""
    return file_text(path, "a TOML file")


def read(document: Any, kind: type[Kind], where: str) -> Kind:
    """Return `document` as a `kind`.

    Raises
    ------
    FormatError
        Unknown, missing or misplaced keys.
    RangeError
        A value is not legal.
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _sentence(error, document, kind, where) from None


def schema_of(kind: type) -> dict[str, Any]:
    """Return the JSON schema of a table; what it refers to stands in its `$defs`."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return {**components.pop(kind.__name__), "$defs": components} if "$ref" in schema else schema


def _sentence(error: msgspec.ValidationError, document: Any, kind: Any, where: str) -> NpuError:
    """Return msgspec's error in our words: it knows the path, we the expectation and the value."""
    said, _, at = str(error).partition(" - at `$")
    key = ""
    for name, place in re.findall(r"\.(\w+)|\[(\d+)\]", at):
        if name:
            key = f"{key}.{name}" if key else name
            document, kind = document[name], keys_of(_member(kind, document)).get(name, Any)
            continue
        kind = get_args(_plain(_member(kind, document)))[0]
        document = document[int(place)]
        if isinstance(document, dict):
            where, key = f"{where}: [[{key}]] {int(place) + 1}", ""
    named = re.fullmatch(r"Object .* field `(\w+)`", said)
    if named:
        table = f"{where}: [{key}]" if key else where
        if "missing" in said:
            return FormatError(f"{table}: key {named[1]} is missing")
        known = ", ".join(keys_of(_member(kind, document)))
        hint = suggested(named[1], keys_of(_member(kind, document)))
        return FormatError(f"{table}: unknown key {named[1]}; known are {known}{hint}")
    if isinstance(error.__cause__, IllegalValue):
        before = f"{key}: " if key and not said.startswith(f"{key}.") else ""
        return RangeError(f"{where}: {before}{said}")
    where, expected = f"{where}: {key}" if key else where, expectation(_member(kind, document))
    wrong = FormatError if isinstance(document, dict | list) else RangeError
    return wrong(f"{where}: expected {expected}, found {document!r}")


def _member(kind: Any, value: Any) -> Any:
    """Return what `kind` allows for values like `value`: of a union one member."""
    plain = _plain(kind)
    if get_origin(plain) not in (Union, UnionType):
        return kind
    members = [one for one in get_args(plain) if one not in (UnsetType, NoneType)]
    tables = [one for one in members if _is_table(_plain(one))]
    lists = [one for one in members if get_origin(_plain(one)) in (list, tuple)]
    others = [one for one in members if one not in tables and one not in lists]
    like = tables if isinstance(value, dict) else lists if isinstance(value, list) else others
    return (*like, *members)[0]


def _plain(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _number(value: float | None) -> str:
    return (
        f"{value:.0e}".replace("e+0", "e") if isinstance(value, float) and value else f"{value:.0f}"
    )
