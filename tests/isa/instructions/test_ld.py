"""LD against the loops of docs/architecture.md, section 2."""

from __future__ import annotations

import pytest

from npusim.isa.columns import group_of
from npusim.isa.instructions import ld
from npusim.isa.spec import TARGETS
from tests.isa.instructions.drawn import NANO, Touched, broken, counted, drawn, group, unit_latency


def test_words_beats_and_counts_are_those_of_the_loops() -> None:
    seen = set()
    for machine, item, registers in drawn("LD"):
        target, touched, beats = TARGETS[item["target"]], Touched(), []
        plain = bool(item["plain"]) or target != "ACT"
        seen.add((target, plain))
        if plain:
            word_beats = machine.word_beats * (4 if target == "PAR" else 1)
            for x in range(item["columns"]):
                touched.write(target, item["address"] + x)
                beats += [item["offset"] + x * word_beats + beat for beat in range(word_beats)]
        else:
            pads, stride = registers["pads"], registers["act_stride"]
            element = registers["element"]["beats"]
            for b in range(item["blocks"]):
                for y in range(pads["top"] + item["rows"] + pads["bottom"]):
                    row = y - pads["top"]
                    first = item["offset"] + b * registers["block_stride"]["value"]
                    first += row * registers["row_stride"]["value"]
                    for x in range(pads["left"] + item["columns"] + pads["right"]):
                        word = item["address"] + b * stride["block"] + y * stride["row"] + x
                        touched.write(target, word)
                        column = x - pads["left"]
                        if 0 <= row < item["rows"] and 0 <= column < item["columns"]:
                            beats += [first + column * element + beat for beat in range(element)]
        touched.assert_nests(item, registers)
        bytes_read = len(beats) * machine.bus.bus_bytes
        expected = {**touched.counts(), "dram_read_bytes": bytes_read}
        assert counted(item, registers, machine) == expected
        move = ld.transfer(group_of(item, registers), machine)
        rows = [
            int(move.offset[0] + b * move.block_stride[0] + row * move.row_stride[0])
            for b in range(int(move.blocks[0])) for row in range(int(move.rows[0]))
        ]  # fmt: skip
        length = int(move.columns[0] * move.element_beats[0])
        assert [first + beat for first in rows for beat in range(length)] == beats
        assert int(move.region[0]) == item["region"]
        assert ld.cycles(group_of(item, registers), machine, unit_latency).tolist() == [0]
    assert seen == {("ACT", False), ("ACT", True), ("WGT", True), ("PAR", True)}


@pytest.mark.parametrize(
    ("fields", "beats", "wrong"),
    [
        ({}, 1, []),
        ({"target": 3}, 1, ["target: expected 0..2, found 3"]),
        ({"columns": 0}, 1, ["columns is 0"]),
        ({"rows": 0, "blocks": 0}, 1, ["rows is 0", "blocks is 0"]),
        ({"rows": 0, "blocks": 0, "plain": 1}, 0, []),
        ({"columns": 0, "target": 2}, 0, ["columns is 0"]),
        ({}, 0, ["element.beats: expected 1..1, found 0"]),
        ({}, 2, ["element.beats: expected 1..1, found 2"]),
        ({"banks": 255}, 1, []),
        ({"banks": 4, "target": 1}, 1, ["WGT has 2 banks, the mask is 0x4"]),
        ({"banks": 12, "target": 2}, 1, ["PAR has 2 banks, the mask is 0xc"]),
    ],
)
def test_rules(fields: dict[str, int], beats: int, wrong: list[str]) -> None:
    good = {"columns": 1, "rows": 1, "blocks": 1, "banks": 1}
    assert broken("LD", group("LD", {"element": {"beats": beats}}, **good | fields)) == wrong


def test_banks_stand_at_their_scratchpads_place() -> None:
    masks = [int(ld.banks(group("LD", target=target, banks=3))[0]) for target in range(3)]
    assert masks == [3, 3 << 8, 3 << 12]
    assert ld.banks({"target": 1, "banks": 3}) == 3 << 8
    assert broken("LD", group("LD", target=1, banks=3, columns=1), NANO) == []
