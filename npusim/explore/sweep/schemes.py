"""The schemes of a space: what `npusim quantize` can be told, each setting with its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from itertools import product
from typing import Any

from npusim.codes.schemes import SCHEME_BITS
from npusim.errors import FormatError, NpuError
from npusim.explore.sweep.values import check_keys, choices
from npusim.quant.options import Options, parse_layer

UNCHANGED = "unchanged"
"""What stands for the scheme of a network that is taken as its file has it."""
DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in fields(Options) if field.default is not MISSING
}
KNOWN = (*DEFAULTS, "layers")
EXAMPLES = {**DEFAULTS, "points": 1.0}
"""A value of each setting's type; `points` is None unless it is given."""


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


def read_schemes(where: str, tables: Sequence[Any]) -> tuple[SchemeChoice, ...]:
    """Return the schemes of the `[[schemes]]` tables, in order.

    Raises
    ------
    FormatError
        An unknown key; a value that the setting cannot have.
    """
    found: list[SchemeChoice] = []
    for number, table in enumerate(tables, 1):
        found += _family(f"{where}: [[schemes]] {number}", table)
    return tuple(found)


def _family(where: str, table: Any) -> Iterator[SchemeChoice]:
    check_keys(where, table, KNOWN, ("scheme", "bits"))
    varied = {}
    for key, value in table.items():
        if key == "layers":
            varied[key] = (_layers(f"{where}: layers", value),)
            continue
        varied[key] = choices(f"{where}: {key}", value, EXAMPLES[key])
        for one in varied[key]:
            _check(where, key, one)
    for values in product(*varied.values()):
        chosen = dict(zip(varied, values, strict=True))
        scheme, bits = chosen.pop("scheme"), chosen.pop("bits")
        settings = {key: chosen[key] for key in KNOWN if key in chosen}
        settings = {k: v for k, v in settings.items() if k == "layers" or v != DEFAULTS[k]}
        yield SchemeChoice(scheme, bits, settings)


def _check(where: str, key: str, value: Any) -> None:
    """Refuse a value that is wrong whatever the other settings are."""
    if key == "scheme":
        if value not in SCHEME_BITS:
            raise FormatError(
                f"{where}: scheme: expected one of {', '.join(SCHEME_BITS)}, found {value!r}"
            )
        return
    try:
        Options(**{key: value})
    except NpuError as error:
        raise FormatError(f"{where}: {error}") from None


def _layers(where: str, value: Any) -> dict[str, str]:
    good = isinstance(value, dict) and all(isinstance(choice, str) for choice in value.values())
    if not good:
        raise FormatError(
            f'{where}: expected a table like {{conv1 = "uniform:8"}}, found {value!r}'
        )
    for name, choice in value.items():
        try:
            Options(layers=dict([parse_layer(f"{name}={choice}")]))
        except NpuError as error:
            raise FormatError(f"{where}: {error}") from None
    return dict(value)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={choice}" for name, choice in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
