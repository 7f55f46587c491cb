"""FENCE belongs to FETCH: it touches nothing, and its end is that of the others."""

from __future__ import annotations

from npusim.isa.instructions import fence
from tests.isa.instructions.drawn import NANO, broken, group, unit_latency


def test_it_waits_and_touches_nothing() -> None:
    one = group("FENCE")
    assert fence.FORMAT.engines == ("FETCH",)
    assert fence.REGISTERS == ()
    assert broken("FENCE", one) == []
    assert fence.cycles(one, NANO, unit_latency).tolist() == [0]
    assert fence.nests(one, NANO) == []
    assert fence.banks(one) == 0
    assert fence.counts(one, NANO) == {}
    assert fence.transfer(one, NANO) is None
