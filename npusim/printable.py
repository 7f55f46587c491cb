"""Text from files as it may be shown: what is no printable character is written as its code.

A name in a network's file can hold anything: codes that a terminal obeys, half a character, a line
break that makes one line two.
"""

from __future__ import annotations

import sys


def printable(text: str) -> str:
    r"""Return `text` with everything but printable characters and line breaks as \x1b or \u202e."""
    return "".join(c if c.isprintable() or c == "\n" else _code(c) for c in text)


def one_line(text: str) -> str:
    """Return `text` printable, and its line breaks and runs of blanks as one blank each."""
    return printable(" ".join(text.split()))


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print `text`, printable."""
    print(printable(text), file=sys.stderr if to_stderr else sys.stdout)


def _code(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
