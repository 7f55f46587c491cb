"""The errors a user can cause. Each message is one line: what, where, expected, found.

The command line prints the message and exits with code 2; anything else that escapes is a defect
of npusim and shows its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from npusim.printable import one_line


class NpuError(Exception):
    """Base of every error that names a user's mistake or an input npusim cannot take.

    Its message is one printable line, whatever a name from a file in it holds.
    """

    def __str__(self) -> str:
        """Return the line."""
        return one_line(super().__str__())


class ShapeError(NpuError):
    """A tensor has another shape or rank than the operator or the network needs."""


class RangeError(NpuError):
    """A value lies outside the range that the arithmetic can hold."""


class UnsupportedError(NpuError):
    """The file asks for something that npusim does not implement."""


class FormatError(NpuError):
    """A file is damaged or is not in the format that its name claims."""


class CapacityError(NpuError):
    """A layer does not fit the machine: the need and the limit are in the message."""


def suggested(found: str, known: Iterable[str]) -> str:
    """Return `; did you mean NAME?` where a name of `known` is like `found`, else nothing."""
    close = get_close_matches(found.lower(), known, 1)
    return f"; did you mean {close[0]}?" if close else ""
