"""Which weight formats an array may have: known, in their order, each with its multiplier."""

from __future__ import annotations

from npusim.codes import ARRAY_FORMATS, AT_LEAST, MULTIPLIED_ON
from npusim.toml_tables import IllegalValue


def require_formats(formats: tuple[str, ...]) -> None:
    """Raise IllegalValue unless an array can be built with `formats`."""
    for name in formats:
        if name not in ARRAY_FORMATS:
            raise IllegalValue(f"array.formats: expected names of {ARRAY_FORMATS}, found {name!r}")
    ordered = tuple(name for name in ARRAY_FORMATS if name in formats)
    if not ordered or ordered != formats:
        raise IllegalValue(
            f"array.formats: expected one or more of {ARRAY_FORMATS}, in this order, "
            f"each once, found {formats}"
        )
    for name in formats:
        if name in MULTIPLIED_ON and not {*AT_LEAST[MULTIPLIED_ON[name]]} & {*formats}:
            able = " or ".join(AT_LEAST[MULTIPLIED_ON[name]])
            raise IllegalValue(
                f"array.formats: {name} needs the multiplier of {able}, found {formats}"
            )
