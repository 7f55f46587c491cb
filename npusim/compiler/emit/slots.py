"""Buffers of a scratchpad, filled in turn; one that holds what is asked for is not filled again."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


class Slots:
    """Slots at `addresses`, replaced in turn."""

    def __init__(self, addresses: Sequence[int]) -> None:
        self.addresses = tuple(addresses)
        self._held: list[Hashable] = [None] * len(self.addresses)
        self._turn = 0

    def find(self, content: Hashable) -> tuple[int, bool]:
        """Return the address for `content`, and whether it has to be filled (None: always)."""
        if content is not None and content in self._held:
            return self.addresses[self._held.index(content)], False
        place = self._turn
        self._turn = (place + 1) % len(self.addresses)
        self._held[place] = content
        return self.addresses[place], True

    def next(self) -> int:
        """Return the address of the next slot to be filled."""
        return self.find(None)[0]
