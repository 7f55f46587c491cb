"""What of a file is not supported: every place of it, counted by kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from npusim.errors import FormatError, NpuError, RangeError, UnsupportedError
from npusim.reading import reason_of


@dataclass(frozen=True)
class Refusal:
    """One place that is not supported: the node, its operator as the file has it, and the error."""

    node: str
    kind: str
    message: str
    out_of_range: bool = False

    @property
    def why(self) -> str:
        """The message without the node that stands before it."""
        place, colon, why = self.message.partition(": ")
        named = place == self.node or place.startswith((f"{self.node} (", f"{self.node}:"))
        return why if colon and named else self.message


@dataclass(frozen=True)
class RefusedKind:
    """Places refused for one reason: how many there are, and the first."""

    first: Refusal
    count: int

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.first.message}{times}"


class RefusedError(UnsupportedError):
    """All that a file asks for and npusim does not implement."""


class Refusals(list[Refusal]):
    """Refusals that are collected, so that a user sees them all at once."""

    @contextmanager
    def collect(self, node: str, kind: str) -> Iterator[None]:
        """Take what is raised inside as a refusal of the node."""
        try:
            with whole(node, kind):
                yield
        except (UnsupportedError, RangeError) as error:
            self.append(Refusal(node, kind, str(error), isinstance(error, RangeError)))


@contextmanager
def whole(node: str, kind: str) -> Iterator[None]:
    """Turn what is raised inside on a damaged node into one line.

    A page reads what its operator's definition asks for, so an attribute, an input or a type that
    is not there raises anything. Our own errors pass; the cause is kept for Python's traceback.

    Raises
    ------
    FormatError
        Something else was raised.
    """
    try:
        yield
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError,
            ValueError) as error:  # fmt: skip
        raise FormatError(
            f"{node}: expected {kind} as it is defined, found: {reason_of(error)}"
        ) from error


def refused(name: str, refusals: Sequence[Refusal], cut: Sequence[str] = ()) -> NpuError:
    """Return the error of a network that is refused.

    It names every kind of refusal, and the tensors `cut` that can be the outputs once what is not
    supported is cut off; it is a RangeError where values alone are beyond what can be held.
    """
    advice = f"; what stands before it runs with --outputs {','.join(cut)}" if cut else ""
    text = f"{name}: {'; '.join(map(str, kinds_of(refusals)))}{advice}"
    only_ranges = all(refusal.out_of_range for refusal in refusals)
    return RangeError(text) if refusals and only_ranges else RefusedError(text)


def kinds_of(refusals: Sequence[Refusal]) -> tuple[RefusedKind, ...]:
    """Return the refusals by operator and reason, in the order of the file.

    A reason is the same where it differs in names and numbers alone.
    """
    kinds: dict[tuple[str, str], list[Refusal]] = {}
    for refusal in refusals:
        letters = "".join("#" if c.isdigit() else c for c in refusal.why)
        words = [word for word in letters.split() if "#" not in word and not word.endswith(",")]
        kinds.setdefault((refusal.kind, " ".join(words)), []).append(refusal)
    return tuple(RefusedKind(places[0], len(places)) for places in kinds.values())
