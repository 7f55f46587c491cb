"""Every kind of fault that a designer makes is caught, and the message helps to find it."""

from __future__ import annotations

import pytest

from npusim.cosim import CosimulationError, Mismatch, verify_module
from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.contract import Unit
from tests.cosim import toy

pytestmark = [pytest.mark.rtl, pytest.mark.usefixtures("icarus")]


def verify(path, unit: Unit = toy.UNIT, **options):
    return verify_module(unit, [path], vectors=600, seed=7, **options)


def test_the_right_module_passes_and_says_what_was_seen(tmp_path):
    result = verify(toy.write(tmp_path))
    assert result.vectors > 600
    assert result.checked > result.vectors
    assert result.cycles > result.checked
    assert min(result.bins.values()) > 0
    assert {"b = 16", "mode = 1", "a = -256", "tie", "reset while stalled"} <= set(result.bins)


FAULTS = {
    "rounding term removed": (
        ("(mode_i ? 8 : 0)", "0"),
        ["only with mode = 1", "found - expected is -1", "exact", "/2^", "unrounded"],
    ),
    "high saturation missing": (
        ("scaled > 127 ? 8'sd127 : ", ""),
        ["expected   y = 127", "(burst traffic)"],
    ),
    "low bound off by one": (
        ("< -128 ? -8'sd128", "< -127 ? -8'sd127"),
        ["expected   y = -128", "found      y = -127", "found - expected is +1"],
    ),
    "input not driven": (
        ("output logic signed [7:0]      y_o", "output logic signed [7:0]      y_o,\n"
         "    input wire unused_i"),
        ["input unused_i is driven by nothing"],
    ),
    "enable ignored by the data": (
        ("if (en_i) begin\n      sum_q", "begin\n      sum_q"),
        ["only in", "stalls"],
    ),
    "enable ignored by valid": (("end else if (en_i) begin", "end else begin"), ["valid out"]),
    "reset loses against enable": (("if (rst_i) begin", "if (rst_i && en_i) begin"), ["resets"]),
    "second valid bit not reset": (
        ("      valid_o <= 1'b0;\n", "      valid_o <= valid_q;\n"),
        ["valid out", "expected 0, found"],
    ),
    "valid ignored": (("valid_q <= valid_i;", "valid_q <= 1'b1;"), ["expected 0, found 1"]),
    "undefined output": (("scaled[7:0];", "{1'bx, scaled[6:0]};"), ["undefined bits", "x"]),
    "port one bit too narrow": (("[4:0]       b_i", "[3:0]       b_i"),
                                ["expected b_i to have 5 bits, found 4"]),
    "output too wide": (("signed [7:0]      y_o", "signed [8:0]      y_o"),
                        ["expected y_o to have 8 bits, found 9"]),
    "port missing": (("input  wire                    mode_i,\n", ""), ["mode_i"]),
    "port misnamed": (("b_i", "bb_i"), ["expected input b_i of 5 bits, found none", "bb_i[5]"]),
    "wrong direction": (("output logic signed [7:0]      y_o", "input wire signed [7:0] y_o"),
                        ["expected y_o to be an output, found input"]),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught_and_explained(tmp_path, fault):
    change, expected = FAULTS[fault]
    path = toy.write(tmp_path, change)
    if fault == "port missing":
        path = toy.write(tmp_path, change, ("(mode_i ? 8 : 0)", "8"))
    if fault == "wrong direction":
        path = toy.write(tmp_path, change, ("      y_o <= scaled > 127 ? 8'sd127 : scaled < -128 ? "
                                            "-8'sd128 : scaled[7:0];\n", ""))  # fmt: skip
    with pytest.raises(Mismatch) as caught:
        verify(path)
    for text in expected:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("change", "latency"),
    [
        (("valid_o <= valid_q;", "valid_o <= valid_i;"), None),  # valid early, data right
        (("sum_q <= product", "last_q <= product + (mode_i ? 8 : 0);\n sum_q <= last_q; //"), 3),
    ],
)
def test_a_wrong_latency_is_named(tmp_path, change, latency):
    register = ("logic valid_q;", "logic valid_q; logic signed [WIDTH+5:0] last_q;")
    path = toy.write(tmp_path, change, register)
    with pytest.raises(Mismatch) as caught:
        verify(path)
    if latency is None:
        assert "valid out" in str(caught.value)
    else:
        assert f"fit a latency of {latency} cycles, expected 2" in str(caught.value)


def test_the_report_can_be_replayed(tmp_path):
    path = toy.write(tmp_path, ("(mode_i ? 8 : 0)", "0"))
    reports = []
    for _ in range(2):
        with pytest.raises(Mismatch) as caught:
            verify(path)
        reports.append(str(caught.value))
    assert reports[0] == reports[1]
    assert "NPUSIM_SEED=7" in reports[0]
    assert "test_the_report_can_be_replayed" in reports[0]


def test_a_parameter_that_the_module_does_not_take_is_caught(tmp_path):
    path = toy.write(tmp_path, ("parameter int WIDTH = 9", "localparam int WIDTH = 9"))
    with pytest.raises((Mismatch, CosimulationError), match="WIDTH"):
        verify(path)


def test_a_bad_parameter_is_refused_with_the_modules_sentence(tmp_path):
    with pytest.raises(CosimulationError, match="npu_toy_WIDTH_must_be_at_most_16"):
        verify(toy.write(tmp_path), parameters={"WIDTH": 17})


def test_every_variant_is_verified(tmp_path):
    toy.write(tmp_path, ("sum_q <= product", "sum_q <= (WIDTH == 6 ? -product : product)"))
    with pytest.raises(Mismatch, match="WIDTH=6"):
        verify_unit(toy.UNIT, rtl=tmp_path, vectors=2000)
    toy.write(tmp_path)
    results = verify_unit(toy.UNIT, rtl=tmp_path, vectors=2000)
    assert [dict(result.parameters) for result in results] == [{"WIDTH": 9}, {"WIDTH": 6}]


def test_an_unreached_coverage_point_fails(tmp_path):
    from dataclasses import replace

    unit = replace(toy.UNIT, bins={"never": lambda i, o: False})
    with pytest.raises(Mismatch, match=r"not reached.*never"):
        verify(toy.write(tmp_path), unit)


def test_waves_show_the_operands(tmp_path):
    waves = tmp_path / "toy.fst"
    verify(toy.write(tmp_path), waves=waves)
    assert waves.stat().st_size > 1000


def test_a_missing_source_and_a_syntax_error_are_a_users_mistake(tmp_path):
    with pytest.raises(CosimulationError, match="does not exist"):
        verify(tmp_path / "nowhere.v")
    with pytest.raises(CosimulationError, match=r"npu_toy\.v:2"):
        verify(toy.write(tmp_path, ("module npu_toy #(", "module npu_toy ##(")))
