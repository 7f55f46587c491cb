"""Bands of a cascade: the rows of each tensor that some rows of the last one need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.compiler.linear.layer import LinearLayer


@dataclass(frozen=True)
class Rows:
    """Rows `first ..` of a tensor, and the rows of padding that their readers see around them."""

    first: int
    count: int
    above: int = 0
    below: int = 0

    @property
    def all(self) -> int:
        """Rows with padding."""
        return self.above + self.count + self.below

    @property
    def end(self) -> int:
        """The row behind the last one."""
        return self.first + self.count


Band = tuple[Rows, ...]
"""Of a cascade's input and of each layer's output."""


def rows_read(layer: LinearLayer, outputs: Rows) -> Rows:
    """Return the rows of a layer's input that rows of its output need."""
    window, height = layer.window, layer.source.height
    low = outputs.first * window.stride[0] - window.padding[0]
    span = (window.kernel[0] - 1) * window.dilation[0] + 1
    high = low + (outputs.count - 1) * window.stride[0] + span
    first, end = min(max(low, 0), height), max(min(high, height), 0)
    return Rows(first, max(end - first, 0), first - low, max(high - end, 0))


def bands(layers: Sequence[LinearLayer], rows: int) -> list[Band]:
    """Return the bands of a cascade whose last output is cut into parts of `rows` rows.

    Rows that two bands need are computed, or loaded, for both.
    """
    height, found = layers[-1].target.height, []
    for first in range(0, height, rows):
        needed = [Rows(first, min(rows, height - first))]
        for layer in reversed(layers):
            needed.append(rows_read(layer, needed[-1]))
        found.append(tuple(reversed(needed)))
    return found
