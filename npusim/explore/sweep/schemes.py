"""The schemes of a space: what `npusim quantize` can be told, each setting with its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from itertools import product
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from npusim.codes.schemes import SCHEME_BITS
from npusim.errors import FormatError, NpuError
from npusim.explore.sweep.values import choices, one_of, varied
from npusim.quant.options import Options, parse_layer

UNCHANGED = "unchanged"
"""What stands for the scheme of a network that is taken as its file has it."""
DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in fields(Options) if field.default is not MISSING
}
KNOWN = (*DEFAULTS, "layers")
REQUIRED = ("scheme", "bits")
VARIED: dict[str, Any] = {
    **{key: varied(kind) for key, kind in get_type_hints(Options).items() if key in DEFAULTS},
    "scheme": varied(one_of(SCHEME_BITS)),
}
Layers = Annotated[
    dict[str, str], msgspec.Meta(extra={"expected": 'a table like {conv1 = "uniform:8"}'})
]
SchemeFamily: Any = msgspec.defstruct(
    "SchemeFamily",
    [
        *((key, VARIED[key]) for key in REQUIRED),
        *(
            (k, kind | UnsetType, UNSET)
            for k, kind in VARIED.items()
            if k not in ("scheme", "bits")
        ),
        ("layers", Layers | UnsetType, UNSET),
    ],
    forbid_unknown_fields=True,
    frozen=True,
)
"""A table [[schemes]]: the settings of the quantizer with their values."""


@dataclass(frozen=True)
class SchemeChoice:
    """A scheme with its bits and the settings that differ from their defaults.

    Whether the settings go together is seen when the scheme is used: `subset` has no 8 bits.
    """

    scheme: str
    bits: int | None
    settings: Mapping[str, Any]

    def options(self) -> Options:
        """Return the quantizer's options.

        Raises
        ------
        NpuError
            The settings do not go together.
        """
        assert self.bits is not None
        layers = dict(parse_layer(f"{k}={v}") for k, v in self.settings.get("layers", {}).items())
        others = {key: value for key, value in self.settings.items() if key != "layers"}
        return Options(scheme=self.scheme, bits=self.bits, layers=layers, **others)

    @property
    def text(self) -> str:
        """The settings for a table's cell."""
        return " ".join(f"{key}={_shown(value)}" for key, value in self.settings.items())


AS_IT_IS = SchemeChoice(UNCHANGED, None, {})


def schemes_of(
    where: str, tables: Sequence[Any], written: Sequence[Mapping[str, Any]]
) -> tuple[SchemeChoice, ...]:
    """Return the schemes of the `[[schemes]]` tables, in the order in which they are `written`.

    Raises
    ------
    FormatError
        A value that the setting cannot have.
    """
    found: list[SchemeChoice] = []
    for number, (table, keys) in enumerate(zip(tables, written, strict=True), 1):
        found += _family(f"{where}: [[schemes]] {number}", table, keys)
    return tuple(found)


def _family(where: str, table: Any, written: Mapping[str, Any]) -> Iterator[SchemeChoice]:
    values_of: dict[str, tuple[Any, ...]] = {}
    for key in written:
        value = getattr(table, key)
        values_of[key] = (value,) if key == "layers" else choices(
            f"{where}: {key}", value, VARIED[key]
        )  # fmt: skip
        for one in values_of[key]:
            _check(where, key, one)
    for values in product(*values_of.values()):
        chosen = dict(zip(values_of, values, strict=True))
        scheme, bits = chosen.pop("scheme"), chosen.pop("bits")
        settings = {key: chosen[key] for key in KNOWN if key in chosen}
        settings = {k: v for k, v in settings.items() if k == "layers" or v != DEFAULTS[k]}
        yield SchemeChoice(scheme, bits, settings)


def _check(where: str, key: str, value: Any) -> None:
    """Refuse a value that is wrong whatever the other settings are."""
    if key == "scheme":  # any goes with some bits
        return
    try:
        if key == "layers":
            where = f"{where}: layers"
            value = dict(parse_layer(f"{name}={choice}") for name, choice in value.items())
        Options(**{key: value})
    except NpuError as error:
        raise FormatError(f"{where}: {error}") from None


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={choice}" for name, choice in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
