"""What can be wrong with a board."""

from __future__ import annotations

from npusim.errors import NpuError


class BoardError(NpuError):
    """The board does not answer, answers with an error, or is not the machine of the program."""
