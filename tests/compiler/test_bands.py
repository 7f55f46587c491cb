"""Bands, parts, and loads that move up: what they may never do."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.compiler.emit.load_order import LOADS_AHEAD, Operation, loads_ahead
from npusim.compiler.linear.bands import banded, bands, joined, outputs_ready, whole
from npusim.machines import Machine


@pytest.mark.parametrize("seed", range(60))
def test_bands_cover_a_tile_and_read_dram(seed: int) -> None:
    rng = np.random.default_rng(seed)
    top, inner, bottom = int(rng.integers(4)), int(rng.integers(1, 40)), int(rng.integers(4))
    found = bands(int(rng.integers(1, 20)), top, inner, bottom)
    rows = [row for first, count in found for row in range(first, first + count)]
    assert rows == list(range(top + inner + bottom))
    for first, count in found:
        assert max(first, top) < min(first + count, top + inner)


@pytest.mark.parametrize("seed", range(60))
def test_parts_cover_the_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    total = int(rng.integers(1, 60))
    ends = sorted({*rng.integers(1, total + 1, 4).tolist(), total})
    least = int(rng.integers(1, 9))
    parts = joined(ends, least, int(rng.integers(least, 40)))
    rows = [row for first, count in parts for row in range(first, first + count)]
    assert rows == list(range(total))


def test_rows_of_a_band_lie_in_one_bank() -> None:
    machine = Machine.load("base")
    bank = machine.scratchpads.act_bank_words
    for rows, columns, blocks in ((34, 34, 1), (18, 18, 2), (10, 10, 4), (57, 57, 1)):
        layout = banded(machine, rows, columns, blocks, 6, 2)
        assert layout.band_rows < rows
        assert layout.banks == -(-rows // layout.band_rows) <= 6
        for row in range(rows):
            first = row * layout.row_stride
            last = first + (blocks - 1) * layout.block_stride + columns - 1
            assert first // bank == last // bank == row // layout.band_rows


def test_a_tile_that_no_bands_fit_stays_whole() -> None:
    machine = Machine.load("nano")
    assert banded(machine, 40, 30, 20, 4, 1) == whole(machine, 40, 30, 20)


@pytest.mark.parametrize(("span", "stride"), [(1, 1), (3, 1), (3, 2), (5, 3)])
def test_outputs_that_are_ready_need_no_later_row(span: int, stride: int) -> None:
    for end in range(30):
        ready = outputs_ready(end, span, stride)
        reads = [output * stride + span for output in range(40)]
        assert ready == sum(last <= end for last in reads)


def _random_operations(rng: np.random.Generator) -> list[Operation]:
    found = []
    for number in range(60):
        name = ("LD", "MAC", "RQ", "ST")[int(rng.integers(4))]
        banks = 1 << int(rng.integers(5)) | 1 << int(rng.integers(5))
        first = int(rng.integers(40))
        dram = (1, first, first + 8) if name in ("LD", "ST") else None
        fields = {"number": number, "target": int(rng.integers(3))}
        found.append(Operation(name, fields, {}, banks, dram, number // 20))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_loads_pass_only_what_they_share_nothing_with(seed: int) -> None:
    operations = _random_operations(np.random.default_rng(seed))
    order = [*loads_ahead(operations)]
    assert sorted(order) == list(range(len(operations)))
    kept = [n for n in order if operations[n].name != "LD"]
    assert kept == sorted(kept)
    moved = 0
    for index, number in enumerate(order):
        passed = [n for n in order[index + 1 :] if n < number]
        moved += bool(passed)
        for other in passed:
            assert operations[number].name == "LD"
            assert not operations[number].banks & operations[other].banks
            if operations[other].name == "ST":
                _, first, end = operations[number].dram
                _, other_first, other_end = operations[other].dram
                assert end <= other_first or other_end <= first
        ahead = [n for n in order[: index + 1] if n > number and operations[n].name == "LD"]
        assert operations[number].name == "LD" or len(ahead) <= LOADS_AHEAD
    assert moved
