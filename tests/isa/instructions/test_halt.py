"""HALT belongs to FETCH: it touches nothing, and its end is that of the others."""

from __future__ import annotations

from npusim.isa.instructions import halt
from tests.isa.instructions.drawn import NANO, broken, group, unit_latency


def test_it_waits_and_touches_nothing() -> None:
    one = group("HALT")
    assert halt.FORMAT.engines == ("FETCH",)
    assert halt.REGISTERS == ()
    assert broken("HALT", one) == []
    assert halt.cycles(one, NANO, unit_latency).tolist() == [0]
    assert halt.nests(one, NANO) == []
    assert halt.banks(one) == 0
    assert halt.counts(one, NANO) == {}
    assert halt.transfer(one, NANO) is None
