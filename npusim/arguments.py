"""What a Python caller hands over, checked where it comes in: one line, with the choices."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from npusim.errors import RangeError, UnsupportedError, suggested


def require_one_of(what: str, value: Any, choices: Sequence[str]) -> None:
    """Raise UnsupportedError unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        hint = suggested(value, choices) if isinstance(value, str) else ""
        raise UnsupportedError(
            f"{what}: expected one of {', '.join(choices)}, found {value!r}{hint}"
        )


def require_count(what: str, value: Any, least: int = 1, most: int | None = None) -> None:
    """Raise RangeError unless `value` is an integer in `least`..`most`, or None."""
    if value is None:
        return
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least or (most is not None and number > most):
        wanted = f"of at least {least}" if most is None else f"in {least}..{most}"
        raise RangeError(f"{what}: expected an integer {wanted}, found {value!r}")


def whole_number(text: str) -> int | None:
    """Return the number of some decimal digits; None of other text, and of digits past counting."""
    if not (text.isascii() and text.isdecimal()):
        return None
    try:
        return int(text)
    except ValueError:  # more digits than Python reads
        return None


def require_type(what: str, value: Any, *kinds: type, hint: str = "") -> None:
    """Raise UnsupportedError unless `value` is of one of `kinds`; `hint`: what makes one."""
    if not isinstance(value, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise UnsupportedError(
            f"{what}: expected {names}{hint and f' ({hint})'}, found {type(value).__name__}"
        )
