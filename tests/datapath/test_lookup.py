"""lookup: the table is indexed by the byte, whatever type it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.lookup import UNIT, lookup, lookup_all


def test_an_int8_function_through_its_bytes():
    """Negation of int8 with saturation, the table built from the values in byte order."""
    values = np.arange(256, dtype=np.uint8).view(np.int8)
    table = np.clip(-values.astype(np.int16), -128, 127).astype(np.int8).view(np.uint8)
    for x in range(-128, 128):
        found = lookup(x & 255, tuple(table.tolist()))
        assert found == min(-x, 127) & 255


def test_the_kernel_is_the_scalar():
    rng = np.random.default_rng(1)
    table = rng.integers(0, 256, 256, np.int16)
    x = rng.integers(0, 256, 4096, np.int16)
    y = np.empty(4096, np.int16)
    lookup_all(x, table, y)
    assert y.tolist() == [lookup(byte, tuple(table.tolist())) for byte in x.tolist()]
    assert y.tolist() == table[x].tolist()


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)
