"""RQ against the loops of docs/architecture.md, section 2, and its duration in section 4."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from npusim.isa.columns import group_of
from npusim.isa.instructions import rq
from npusim.isa.spec import RQ_DRAIN_CYCLES
from tests.isa.instructions.drawn import (
    NANO,
    Touched,
    broken,
    counted,
    drawn,
    group,
    loop,
    unit_latency,
)

GOOD = {level: {"count": 1} for level in ("vec_b", "vec_y", "vec_x", "vec_kx")}


def test_words_counts_and_cycles_are_those_of_the_loops() -> None:
    seen = set()
    for machine, item, r in drawn("RQ"):
        terms, touched, counts = r["vec_kx"]["count"], Touched(), Counter()
        cycles = RQ_DRAIN_CYCLES + unit_latency("requantize")
        for b in range(r["vec_b"]["count"]):
            for word in range(3 + terms):
                touched.read("PAR", item["par"] + b * (3 + terms) + word)
                cycles += 1
            for y, x in loop(r, ("vec_y", "vec_x")):
                at = tuple(zip(("vec_b", "vec_y", "vec_x"), (b, y, x), strict=True))
                lanes = range(machine.array.lanes_per_requantizer)  # that take turns
                for lane, j in product(lanes, range(terms)):
                    cycles += 1
                    if j == 0 and item["pwlq"] and not item["act_terms"] & 1:
                        counts["merges"] += machine.size // len(lanes)
                        counts["acc_reads"] += terms > 1 or lane == 0  # A1 and S
                    if terms == 1 and lane:
                        continue  # the word stands there yet
                    if item["act_terms"] >> j & 1:
                        base = item["act"] + sum(i * r[level]["stride"] for level, i in at)
                        touched.read("ACT", base + j * r["vec_kx"]["stride"])
                    else:
                        base = item["acc"] + sum(i * r[f"{level}_out"]["acc"] for level, i in at)
                        touched.read("ACC", base + j * r["vec_kx_out"]["acc"])
                out = item["out"] + sum(i * r[f"{level}_out"]["out"] for level, i in at)
                touched.write("ACT", out)
                counts["requantizations"] += machine.size
                counts["requantize_terms"] += terms * machine.size
        touched.assert_nests(item, r)
        assert counted(item, r, machine) == dict(counts + touched.counts()), item
        assert rq.cycles(group_of(item, r), machine, unit_latency).tolist() == [cycles]
        seen.add((terms, item["pwlq"], machine.array.lanes_per_requantizer))
    assert {terms for terms, *_ in seen} == {1, 2, 3, 4}
    assert {(pwlq, lanes) for _, pwlq, lanes in seen} == {*product((0, 1), (1, 2, 4))}


@pytest.mark.parametrize(
    ("registers", "fields", "wrong"),
    [
        ({}, {}, ""),
        *(({level: {"count": 0}}, {}, f"{level}.count is 0") for level in GOOD),
        ({"vec_kx": {"count": 5}}, {}, "terms: expected 1..4, found 5"),
        ({"rq_mode": {"rounding": 6}}, {}, "rounding: expected 0..5, found 6"),
        ({}, {"read_banks": 6, "write_banks": 3}, "ACT banks 0x2 are both read and written"),
        ({}, {"par_banks": 4}, "PAR has 2 banks, the mask is 0x4"),
    ],
)
def test_rules(registers: dict, fields: dict[str, int], wrong: str) -> None:
    assert broken("RQ", group("RQ", GOOD | registers, **fields))[:1] == [wrong][: bool(wrong)]


def test_results_of_the_float32_requantizer_are_counted_apart_where_it_is_built_in() -> None:
    registers = GOOD | {"vec_x": {"count": 5}, "rq_mode": {"rounding": 6}}
    float32 = NANO.with_({"array.fp32_requantizer": 1})
    names = ("requantizations", "requantize_terms", "float32_requantizations")
    for machine, expected in ((NANO, (20, 20, 0)), (float32, (0, 0, 20))):
        columns = rq.counts(group("RQ", registers), machine)
        assert tuple(int(columns[name][0]) for name in names) == expected


def test_pwlq_must_be_built_in() -> None:
    one = group("RQ", GOOD, pwlq=1)
    assert broken("RQ", one) == []
    formats = tuple(name for name in NANO.array.formats if name != "pwlq")
    without = NANO.with_({"array.formats": formats})
    assert broken("RQ", one, without) == ["pwlq is not built in"]


def test_banks_of_act_par_and_acc() -> None:
    mask = rq.banks(group("RQ", read_banks=5, write_banks=8, par_banks=2, acc_banks=1))
    assert mask.tolist() == [13 | 2 << 12 | 1 << 16]
