"""ST against the loops of docs/architecture.md, section 2."""

from __future__ import annotations

import pytest

from npusim.isa.columns import group_of
from npusim.isa.instructions import st
from tests.isa.instructions.drawn import Touched, broken, counted, drawn, group, unit_latency


def test_words_beats_and_counts_are_those_of_the_loops() -> None:
    for machine, item, registers in drawn("ST"):
        touched, beats, stride = Touched(), [], registers["act_stride"]
        element = registers["element"]["beats"]
        for b in range(item["blocks"]):
            for y in range(item["rows"]):
                first = item["offset"] + b * registers["block_stride"]["value"]
                first += y * registers["row_stride"]["value"]
                for x in range(item["columns"]):
                    word = item["address"] + b * stride["block"] + y * stride["row"] + x
                    touched.read("ACT", word)
                    beats += [first + x * element + beat for beat in range(element)]
        touched.assert_nests(item, registers)
        written = len(beats) * machine.bus.bus_bytes
        expected = {**touched.counts(), "dram_write_bytes": written}
        assert counted(item, registers, machine) == expected
        one = group_of(item, registers)
        move = st.transfer(one, machine)
        rows = [
            int(move.offset[0] + b * move.block_stride[0] + row * move.row_stride[0])
            for b in range(int(move.blocks[0])) for row in range(int(move.rows[0]))
        ]  # fmt: skip
        length = int(move.columns[0] * move.element_beats[0])
        assert [first + beat for first in rows for beat in range(length)] == beats
        assert [int(pad[0]) for pad in move[-4:]] == [0, 0, 0, 0]
        assert st.cycles(one, machine, unit_latency).tolist() == [0]
        assert st.banks(one).tolist() == [item["banks"]]


@pytest.mark.parametrize(
    ("fields", "beats", "wrong"),
    [
        ({}, 1, []),
        *(({name: 0}, 1, [f"{name} is 0"]) for name in ("columns", "rows", "blocks")),
        ({}, 0, ["element.beats: expected 1..1, found 0"]),
        ({}, 2, ["element.beats: expected 1..1, found 2"]),
    ],
)
def test_rules(fields: dict[str, int], beats: int, wrong: list[str]) -> None:
    good = {"columns": 1, "rows": 1, "blocks": 1, "banks": 255}
    assert broken("ST", group("ST", {"element": {"beats": beats}}, **good | fields)) == wrong
