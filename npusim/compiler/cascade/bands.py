"""Bands of a cascade: the rows, or rows of some columns, of each tensor that some outputs need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from npusim.compiler.linear.layer import LinearLayer


@dataclass(frozen=True)
class Span:
    """Rows (columns) `first ..` of a tensor, and the padding that their readers see around them."""

    first: int
    count: int
    before: int = 0
    after: int = 0

    @property
    def all(self) -> int:
        """Rows with padding."""
        return self.before + self.count + self.after

    @property
    def end(self) -> int:
        """The row behind the last one."""
        return self.first + self.count

    def covers(self, other: Span) -> bool:
        """Return whether the rows of `other` are among these."""
        return self.first <= other.first and other.end <= self.end


@dataclass(frozen=True)
class Part:
    """Rows of some columns of a tensor."""

    rows: Span
    columns: Span

    @property
    def pixels(self) -> int:
        """Pixels of a channel block."""
        return self.rows.count * self.columns.count


Band = tuple[Part, ...]
"""Of a cascade's input and of each layer's output."""


def span_read(layer: LinearLayer, outputs: Span, axis: int) -> Span:
    """Return the rows (axis 0) or columns (1) of a layer's input that those of its output need."""
    window, extent = layer.window, (layer.source.height, layer.source.width)[axis]
    low = outputs.first * window.stride[axis] - window.padding[2 * axis]
    span = (window.kernel[axis] - 1) * window.dilation[axis] + 1
    high = low + (outputs.count - 1) * window.stride[axis] + span
    first, end = min(max(low, 0), extent), max(min(high, extent), 0)
    return Span(first, max(end - first, 0), first - low, max(high - end, 0))


@dataclass(frozen=True)
class Cut:
    """One axis of a cascade's output in equal parts: `parts` has the spans of each tensor."""

    parts: tuple[tuple[Span, ...], ...]

    @cached_property
    def largest(self) -> tuple[int, ...]:
        """The most rows of each tensor in a part, with padding."""
        return tuple(max(span.all for span in of) for of in zip(*self.parts, strict=True))

    @cached_property
    def most(self) -> tuple[int, ...]:
        """The most rows of each tensor in a part."""
        return tuple(max(span.count for span in of) for of in zip(*self.parts, strict=True))

    @cached_property
    def total(self) -> tuple[int, ...]:
        """The rows of each tensor in all parts: some are in several."""
        return tuple(sum(span.count for span in of) for of in zip(*self.parts, strict=True))

    @cached_property
    def is_filled(self) -> bool:
        """Whether each part needs some of each tensor."""
        return all(span.count for part in self.parts for span in part)


def cut(layers: Sequence[LinearLayer], each: int, axis: int) -> Cut:
    """Return the rows (axis 0) or columns (1) of a cascade in parts of `each` of its output's."""
    target, found = layers[-1].target, []
    extent = (target.height, target.width)[axis]
    for first in range(0, extent, each):
        needed = [Span(first, min(each, extent - first))]
        for layer in reversed(layers):
            needed.append(span_read(layer, needed[-1], axis))
        found.append(tuple(reversed(needed)))
    return Cut(tuple(found))


def bands(rows: Cut, columns: Cut) -> list[Band]:
    """Return the bands of a cascade: they walk down one strip of columns after the other.

    What two bands need is computed, or loaded, for both.
    """
    return [
        tuple(Part(*spans) for spans in zip(of_rows, of_columns, strict=True))
        for of_columns in columns.parts
        for of_rows in rows.parts
    ]
