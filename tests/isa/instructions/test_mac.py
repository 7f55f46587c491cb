"""MAC against the loops of docs/architecture.md, section 2, and its duration in section 4."""

from __future__ import annotations

from collections import Counter

import pytest

from npusim.isa.columns import group_of
from npusim.isa.instructions import mac
from npusim.isa.spec import MAC_DRAIN_CYCLES, MAC_LOAD_CYCLES
from npusim.machines import Machine
from tests.isa.instructions.drawn import (
    Touched,
    broken,
    counted,
    drawn,
    group,
    loop,
    unit_latency,
)

ONES = {level: {"count": 1} for level in mac.LEVELS}
GOOD = {**ONES, "mac_format": {"bits": 8}, "mac_tile": {"rows": 1}}


def test_words_counts_and_cycles_are_those_of_the_loops() -> None:
    seen, windows = set(), 0
    for machine, item, registers in drawn("MAC"):
        r, size, touched, counts = registers, machine.size, Touched(), Counter()
        pwlq, b = r["mac_format"]["format"] == 2, r["mac_format"]["bits"]
        bits = b + (r["mac_format"]["format"] in (2, 4))
        tile, output, regions = r["mac_tile"], r["mac_output"], 3 if pwlq else 1
        words = -(-tile["rows"] * bits // 8)
        uniform = "macs_uniform8" if b > 6 else "macs_uniform6" if b > 4 else "macs_uniform4"
        kinds = uniform, "macs_subset", "macs_pwlq", "macs_lut", "macs_pwlq_double"
        kind = kinds[r["mac_format"]["format"]]
        is_window = item["depthwise"] and item["window"]
        last_block, tiles, reads = r["mac_cb"]["count"] - 1, 0, 0
        for t, (ob, cb, kh, kw) in enumerate(loop(r, ("mac_ob", "mac_cb", "mac_kh", "mac_kw"))):
            for word in range(words):
                touched.read("WGT", item["wgt"] + t * words + word)
            slices = -(-size // machine.rows)
            word, slice_ = divmod(r["mac_format"]["slice"] + cb, slices)
            active = sum(
                (item["depthwise"] or slices == 1 or slice_ * machine.rows + row < size)
                and (cb > 0 or row >= tile["row_first"])
                and (cb < last_block or row < tile["row_end"])
                for row in range(tile["rows"])
            )
            tile_words = 1 if item["depthwise"] else -(-tile["rows"] // size)
            read_words = [
                w
                for w in range(tile_words)
                if w == 0 or cb < last_block or w * size < tile["row_end"]
            ]
            base = item["act"] + ob * r["mac_ob"]["stride"]
            base += word * tile_words * r["mac_cb"]["stride"]
            base += kh * r["mac_kh"]["stride"] + kw * r["mac_kw"]["stride"]
            tiles, p, reads = tiles + 1, 0, 0
            for y, x in loop(r, ("mac_y", "mac_x")):
                for w in read_words:
                    at = base + y * r["mac_y"]["stride"] + x * r["mac_x"]["stride"]
                    touched.read("ACT", at + w * r["mac_cb"]["stride"])
                reads += 1
                counts[kind] += active * size
                warm, step = output["warm"], output["step"]
                if item["depthwise"] and (x < warm or (x - warm) % step):
                    continue
                late, every = y - r["mac_format"]["row_warm"], r["mac_format"]["row_skip"] + 1
                if is_window and (late < 0 or late % every):
                    continue
                word = item["acc"] + ob * output["acc_stride"] + p
                touched.write("ACC", word)
                p += 1
                counts["accumulations"] += regions * size
                counts["acc_writes"] += regions
                if item["accumulate"]:
                    touched.read("ACC", word)
                if item["accumulate"] or cb or kh or kw:
                    counts["acc_reads"] += regions
        touched.assert_nests(item, registers, machine)
        counts |= {
            "act_reads": len(touched.words["ACT", False]), "wgt_reads": tiles * words,
            "array_cycles": tiles * reads, "weight_swaps": tiles * size,
            "weight_decodes": tiles * tile["rows"] * size,
            **dict.fromkeys(("line_reads", "line_writes"), tiles * reads * is_window),
        }  # fmt: skip
        assert counted(item, registers, machine) == dict(+counts), item
        load = tile["rows"] + MAC_LOAD_CYCLES + unit_latency("weight_decode")
        cycles = load + (tiles - 1) * max(reads, load) + reads + MAC_DRAIN_CYCLES
        cycles += unit_latency("subtract_zero_point") + unit_latency("pe_column")
        assert mac.cycles(group_of(item, registers), machine, unit_latency).tolist() == [cycles]
        seen.add((kind, item["depthwise"], item["accumulate"]))
        windows += is_window
    assert {(kind, 0, 0) for kind in mac.MACS} <= seen
    assert windows
    assert {depthwise for _, depthwise, _ in seen} == {accumulate for *_, accumulate in seen}


@pytest.mark.parametrize(
    ("registers", "fields", "wrong"),
    [
        ({}, {}, []),
        *(({level: {"count": 0}}, {}, [f"{level}.count is 0"]) for level in mac.LEVELS),
        (
            {"mac_format": {"format": 3, "bits": 4}},
            {},
            ["mac_format: lut of 4 bits is not built in (2..0)"],
        ),
        ({"mac_format": {"bits": 9}}, {}, ["mac_format: uniform of 9 bits is not built in (2..8)"]),
        (
            {"mac_format": {"format": 1, "bits": 5}},
            {},
            ["mac_format: subset of 5 bits is not built in (2..4)"],
        ),
        ({"mac_tile": {"rows": 0}}, {}, ["mac_tile.rows: expected 1..4, found 0"]),
        ({"mac_tile": {"rows": 5}}, {}, ["mac_tile.rows: expected 1..4, found 5"]),
        ({}, {"depthwise": 1}, ["mac_output.step is 0"]),
        ({}, {"wgt_banks": 8}, ["WGT has 2 banks, the mask is 0x8"]),
    ],
)
def test_rules(registers: dict, fields: dict[str, int], wrong: list[str]) -> None:
    assert broken("MAC", group("MAC", GOOD | registers, **fields)) == wrong


def test_rows_of_a_window_fit_the_lines_of_the_array() -> None:
    built = Machine.load("nano").with_({"array.line_words": 8})
    for pixels, fits in ((1, False), (2, True), (8, True), (9, False)):
        registers = GOOD | {"mac_output": {"step": 1}, "mac_x": {"count": pixels}}
        window = group("MAC", registers, depthwise=1, window=1)
        wrong = [f"window: expected rows of 2..8 pixels, found {pixels}"]
        assert broken("MAC", window, built) == ([] if fits else wrong)
        absent = f"window: rows of {pixels} pixels, array.line_words is 0"
        assert broken("MAC", window) == [absent]
        for flag in ("depthwise", "window"):
            assert not broken("MAC", group("MAC", registers, **{flag: 1}))


def test_a_format_that_is_not_built_in_has_no_bits() -> None:
    shipped = [Machine.load(name) for name in ("nano", "small", "base", "wide")]
    others = ["uniform8", "lut"], ["uniform6", "pwlq_double"]
    for machine in (*shipped, *(shipped[0].with_({"array.formats": f}) for f in others)):
        for index, form in enumerate(("uniform", "subset", "pwlq", "lut", "pwlq_double")):
            most = mac.bits_max(machine, index)
            assert most == {
                "uniform": max(int(f[-1]) for f in machine.array.formats if f[:7] == "uniform"),
                "subset": 4 * ("subset" in machine.array.formats),
                "pwlq": machine.array.pwlq_bits,
                "lut": 4 * ("lut" in machine.array.formats),
                "pwlq_double": 4 * ("pwlq_double" in machine.array.formats),
            }[form]  # fmt: skip
            for bits in range(16):
                one = group("MAC", GOOD | {"mac_format": {"format": index, "bits": bits}})
                assert (broken("MAC", one, machine) == []) == (2 <= bits <= most)


def test_banks_of_act_and_wgt() -> None:
    assert mac.banks(group("MAC", read_banks=5, wgt_banks=2)).tolist() == [5 | 2 << 8]


@pytest.mark.parametrize(("stride", "defined"), [(0, True), (1, False), (3, False), (4, True)])
def test_a_sum_is_not_met_again_before_it_is_written(stride: int, defined: bool) -> None:
    registers = GOOD | {"mac_ob": {"count": 2}, "mac_x": {"count": 4}}
    registers |= {"mac_output": {"acc_stride": stride}}
    for accumulate in (0, 1):
        (hazard,) = mac.hazards(group("MAC", registers, accumulate=accumulate))
        assert hazard.holds.tolist() == [defined or not accumulate]
