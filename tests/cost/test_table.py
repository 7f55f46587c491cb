"""Rules for builds that a technology's table does not hold."""

from __future__ import annotations

import pytest

from npusim.cost.table import table_of
from npusim.errors import FormatError


def table(*rows):
    document = [
        {
            "module": "npu_pe_column",
            "parameters": {"ROWS": size, "UNIFORM_BITS": uniform, "SUBSET": 0, "PWLQ_BITS": pwlq},
            "area_um2": area, "leakage_uw": 1.0, "energy_pj": {"pwlq": energy},
            "clock_pj": {"pwlq": 0.5}, "clock_gated": False,
        }
        for size, uniform, pwlq, area, energy in rows
    ]  # fmt: skip
    return table_of({"technology": "nangate45", "modules": document}, clock_gated=False)


def engine(module, energy, gated=False, size=4):
    return {
        "module": module, "parameters": {"SIZE": size}, "area_um2": 7, "leakage_uw": 1,
        "energy_pj": {"beat": energy}, "clock_pj": {"beat": 1}, "clock_gated": gated,
    }  # fmt: skip


def wanted(size, uniform, pwlq):
    return {"ROWS": size, "SIZE": 99, "UNIFORM_BITS": uniform, "SUBSET": 0, "PWLQ_BITS": pwlq}


ROWS = table(
    (4, 8, 0, 40, 4), (16, 8, 0, 160, 28), (4, 8, 4, 90, 9), (16, 4, 0, 90, 7), (16, 8, 4, 300, 45)
)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "uniform", "pwlq", "energy"),
    [
        (4, 8, 0, 4),  # in the table
        (16, 8, 0, 28),
        (8, 8, 0, 12),  # between two sizes
        (32, 8, 0, 60),  # beyond them, on the same line
        (16, 4, 0, 7),
        (16, 0, 0, 7),  # the least build that runs it
        (16, 4, 3, 45),  # only the widest runs it
        (4, 4, 0, 1),  # known at 16 alone: as the build of two sizes shrinks, 4 / 28
    ],
)
def test_formats_by_the_least_build_and_sizes_on_a_line(size, uniform, pwlq, energy):
    assert ROWS.value("npu_pe_column", wanted(size, uniform, pwlq), "pwlq") == energy


def test_area_follows_the_same_rule():
    assert ROWS.value("npu_pe_column", wanted(8, 8, 0), "area_um2") == 80
    assert ROWS.value("npu_pe_column", wanted(8, 8, 0), "leakage_uw") == 1


def test_a_module_of_one_size_is_taken_as_it_is_but_for_columns():
    rows = table((4, 8, 4, 90, 9))
    assert rows.value("npu_pe_column", wanted(16, 4, 4), "pwlq") == 36
    document = {"technology": "nangate45", "modules": [engine("npu_ld", 3)]}
    rows = table_of(document, clock_gated=False)
    assert rows.value("npu_ld", wanted(16, 8, 4), "beat") == 3
    assert rows.value("npu_ld", wanted(16, 8, 4), "clock beat") == 1


def test_a_build_is_priced_with_clock_gates_where_it_has_them_and_they_are_asked_for():
    rows = [engine("npu_ld", 3), engine("npu_ld", 2, gated=True), engine("npu_st", 5)]
    document = {"technology": "nangate45", "modules": rows}
    without, gated = (table_of(document, clock_gated=gated) for gated in (False, True))
    assert [without.value(name, {"SIZE": 4}, "beat") for name in ("npu_ld", "npu_st")] == [3, 5]
    assert [gated.value(name, {"SIZE": 4}, "beat") for name in ("npu_ld", "npu_st")] == [2, 5]


def test_sizes_without_clock_gates_follow_those_of_the_other_netlist():
    rows = [engine("npu_ld", 3, size=4), engine("npu_ld", 9, size=16),
            engine("npu_ld", 6, gated=True, size=16)]  # fmt: skip
    gated = table_of({"technology": "nangate45", "modules": rows}, clock_gated=True)
    found = [gated.value("npu_ld", {"SIZE": size}, "beat") for size in (4, 8, 16)]
    assert found == pytest.approx([2, 10 / 3, 6])


def test_a_table_that_is_not_there_is_one_line(monkeypatch, tmp_path):
    from npusim.cost import table as module

    monkeypatch.setattr(module, "TABLES", tmp_path)
    with pytest.raises(FormatError, match=r"nowhere\.json: expected an energy table") as error:
        module.load_table("nowhere", clock_gated=True)
    assert "\n" not in str(error.value)
