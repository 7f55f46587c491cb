"""CFG takes one cycle, and touches nothing but registers."""

from __future__ import annotations

from npusim.isa.instructions import cfg
from tests.isa.instructions.drawn import NANO, broken, drawn, group, unit_latency


def test_every_operand_has_a_meaning() -> None:
    for index in (0, 26, 63):
        assert broken("CFG", group("CFG", index=index, value1=0xFFFF_FFFF)) == []


def test_one_cycle_and_nothing_touched() -> None:
    assert any(True for _ in drawn("CFG"))
    one = group("CFG", index=5, value0=7)
    assert cfg.cycles(one, NANO, unit_latency).tolist() == [1]
    assert cfg.nests(one, NANO) == []
    assert cfg.banks(one) == 0
    assert cfg.counts(one, NANO) == {}
    assert cfg.transfer(one, NANO) is None
