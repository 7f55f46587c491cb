"""The report of what an ECP5 takes is of these sources, and counts what it says."""

from __future__ import annotations

import json

import pytest

from npusim.machines import Machine
from tools.flow import fpga
from tools.pages import fpga as pages

ROWS = {row["machine"]: row for row in json.loads(fpga.MEASURED.read_text())}


def test_the_page_is_that_of_the_report() -> None:
    assert pages.PAGE.read_text() == pages.page()


@pytest.mark.parametrize("machine", ROWS)
def test_a_row_is_of_the_sources_of_today(machine: str) -> None:
    assert ROWS[machine]["key"] == fpga.key(Machine.load(machine)), (
        "stale: python -m tools.flow.fpga; python -m tools.pages.fpga"
    )


@pytest.mark.parametrize("machine", ROWS)
def test_a_row_adds_up_and_fits(machine: str) -> None:
    row = ROWS[machine]
    for kind, most in pages.DEVICE.items():
        taken = row["board"].get(kind, 0)
        assert taken == sum(unit.get(kind, 0) for unit in row["units"].values())
        assert row["npu_top"].get(kind, 0) <= taken <= most
    memory = fpga.MEMORY_BYTES[machine] // 2048
    assert row["board"]["block RAM"] == row["npu_top"]["block RAM"] + memory
    for routed in row.get("routed", {}).values():
        assert routed["utilization"]["DP16KD"]["used"] == row["board"]["block RAM"]
        assert routed["mhz"] > 0


def test_a_cell_is_counted_for_the_deepest_instance_that_its_name_is_in() -> None:
    modules = {
        "npu_board": {"cells": {"npu": {"type": "$paramod\\npu_top\\X=1"}, "x": {"type": "$add"}}},
        "$paramod\\npu_top\\X=1": {
            "cells": {"bank[0].one": {"type": "npu_bank"}, "bank[1].one": {"type": "npu_bank"}},
        },
        "npu_bank": {"cells": {}},
    }
    cells = {
        "npu.bank[0].one.q_LUT4_Z": {"type": "LUT4"},
        "npu.bank[1].one.data.deeper_LUT4_Z": {"type": "CCU2C"},
        "npu.bank[1].word_LUT4_Z": {"type": "LUT4"},
        "count_q_TRELLIS_FF_Q": {"type": "TRELLIS_FF"},
        "npu.bank[0].one.q_PFUMX_Z": {"type": "PFUMX"},
    }
    assert fpga.by_unit(cells, fpga.instances(modules)) == {
        "npu_bank": {"instances": 2, "LUT4": 3},
        "npu_board": {"instances": 1, "registers": 1},
        "npu_top": {"instances": 1, "LUT4": 1},
    }
    assert fpga.of_machine(cells) == {"LUT4": 4}
    assert fpga.counts(cells) == {"LUT4": 4, "registers": 1}
