"""One simulated board for all tests: what one leaves behind must not matter to the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from npusim.boards.simulated import SimulatedLink
from npusim.cosim import toolchain
from npusim.machines import Machine
from tests.conftest import missing

MEMORY_BYTES = 1 << 16


@pytest.fixture(scope="session")
def line() -> Iterator[SimulatedLink]:
    """Return the serial line to a board with `nano` and MEMORY_BYTES of memory."""
    reason = toolchain.missing("verilator")
    if reason is not None:
        missing(reason)
    with SimulatedLink(Machine.load("nano"), memory_bytes=MEMORY_BYTES) as link:
        yield link
