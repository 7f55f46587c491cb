"""VEC against the loops of docs/architecture.md, section 2, and its duration in section 4."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from npusim.isa.columns import group_of
from npusim.isa.instructions import vec
from npusim.isa.spec import VEC_DRAIN_CYCLES, VEC_OPS
from npusim.machines import Machine
from tests.isa.instructions.drawn import Touched, broken, counted, drawn, group, loop, unit_latency

LEVELS = ("vec_b", "vec_y", "vec_x", "vec_ky", "vec_kx")
GOOD = {level: {"count": 1} for level in LEVELS}
UNITS = {
    "copy": 0, "table": 0, "max": unit_latency("pool"), "sum": unit_latency("pool"),
    "min": unit_latency("pool"), "lookup": unit_latency("lookup"),
    "add": unit_latency("add") + unit_latency("requantize"),
    "multiply": unit_latency("add") + unit_latency("requantize"),
}  # fmt: skip


def _lanes(op: str, machine: Machine) -> int:
    array = machine.array
    of_op = {"lookup": array.lanes_per_lookup, "add": array.lanes_per_requantizer}
    return of_op.get("add" if op == "multiply" else op, 1)


def test_words_counts_and_cycles_are_those_of_the_loops() -> None:
    seen = set()
    for machine, item, r in drawn("VEC"):
        op, touched, counts = VEC_OPS[item["op"]], Touched(), Counter()
        cycles = VEC_DRAIN_CYCLES + UNITS[op]
        for at in loop(r, LEVELS[:3]):
            where = tuple(zip(LEVELS, at, strict=False))
            base = item["act"] + sum(i * r[level]["stride"] for level, i in where)
            lanes = range(_lanes(op, machine))  # that take turns
            taps = list(loop(r, LEVELS[3:]))
            for lane, (ky, kx) in product(lanes, taps):
                cycles += 1
                if lane and len(taps) == 1:
                    continue  # the word stands there yet
                touched.read("ACT", base + ky * r["vec_ky"]["stride"] + kx * r["vec_kx"]["stride"])
            counts[f"vector_{op}"] += machine.size * len(taps)
            if op == "sum":
                word = item["acc"] + sum(i * r[f"{level}_out"]["acc"] for level, i in where)
                touched.write("ACC", word)
                if item["accumulate"]:
                    touched.read("ACC", word)
            elif op != "table":
                touched.write(
                    "ACT", item["out"] + sum(i * r[f"{level}_out"]["out"] for level, i in where)
                )
            if op in ("add", "multiply"):
                counts["requantizations"] += machine.size
                counts["requantize_terms"] += machine.size
        touched.assert_nests(item, r)
        assert counted(item, r, machine) == dict(counts + touched.counts()), item
        assert vec.cycles(group_of(item, r), machine, unit_latency).tolist() == [cycles]
        seen.add((op, _lanes(op, machine)))
    assert {op for op, _ in seen} == set(VEC_OPS)
    assert {("add", 2), ("multiply", 2), ("lookup", 4)} <= seen


@pytest.mark.parametrize(
    ("registers", "fields", "wrong"),
    [
        ({}, {}, []),
        *(({level: {"count": 0}}, {}, [f"{level}.count is 0"]) for level in LEVELS),
        ({"vec_kx": {"count": 3}}, {"op": 2}, ["add: expected 2 taps, found 3"]),
        ({"vec_ky": {"count": 2}}, {"op": 2}, []),
        ({"vec_ky": {"count": 3}}, {"op": 6}, ["multiply: expected 2 taps, found 3"]),
        ({"vec_ky": {"count": 3}}, {"op": 7}, []),
        ({}, {"read_banks": 1, "write_banks": 1}, ["ACT banks 0x1 are both read and written"]),
    ],
)
def test_rules(registers: dict, fields: dict[str, int], wrong: list[str]) -> None:
    assert broken("VEC", group("VEC", GOOD | registers, **fields)) == wrong


def test_banks_that_are_read_or_written() -> None:
    assert vec.banks(group("VEC", read_banks=5, write_banks=8)).tolist() == [13]


@pytest.mark.parametrize(("stride", "defined"), [(0, False), (1, True), (-2, True)])
def test_a_sum_is_not_met_again_before_it_is_written(stride: int, defined: bool) -> None:
    registers = GOOD | {"vec_x": {"count": 4}, "vec_x_out": {"acc": stride}}
    for op in VEC_OPS:
        one = group("VEC", registers, op=VEC_OPS.index(op), accumulate=1, acc=20)
        (hazard,) = vec.hazards(one)
        assert hazard.holds.tolist() == [defined or op != "sum"]
