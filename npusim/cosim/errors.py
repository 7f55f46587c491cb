"""What a co-simulation can report: it could not be run, or the module disagrees."""

from __future__ import annotations

from npusim.errors import NpuError


class CosimulationError(NpuError):
    """The design could not be simulated: a tool, a source, a port or a parameter is not right."""


class Mismatch(AssertionError):
    """The module does not do what its contract says; the message is the report for its designer."""


class CoverageGap(Mismatch):
    """No difference was seen, but a point that must be covered was not reached."""
