"""Event counts against accesses that are enumerated, and against the bytes that really moved."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from npusim.cosim.programs.programs import random_program
from npusim.isa.access import RegisterFile, accesses, segments, tile_count
from npusim.isa.legal import word_beats
from npusim.isa.spec import TARGETS, VEC_OPS
from npusim.machines import Machine
from npusim.simulator.machine.counts import event_counts
from npusim.simulator.machine.run import time_program


def enumerated(item, registers, machine):
    """Return the words and bytes that an instruction moves, counted one by one."""
    found = Counter()
    for access in accesses(item, registers):
        key = f"{access.scratchpad.lower()}_{'writes' if access.is_write else 'reads'}"
        found[key] += access.addresses.size
    beats = word_beats(machine, TARGETS[item["target"]]) if item.name == "LD" else 0
    move = segments(item, registers, beats)
    if move is not None:
        key = "dram_write_bytes" if move.is_write else "dram_read_bytes"
        found[key] = len(move.starts) * move.beats * machine.bus.bus_bytes
    if item.name == "MAC":  # access.py names each accumulator once; every pass meets it
        regions = 3 if registers["mac_format"]["format"] == 2 else 1
        ob, words = registers["mac_ob"]["count"], found["acc_writes"]
        found["acc_writes"] = words // ob * tile_count(registers) * regions
        first = 0 if item["accumulate"] else words * regions
        found["acc_reads"] = found["acc_writes"] - first
        tile, blocks = registers["mac_tile"], registers["mac_cb"]["count"]
        rows = sum(
            (cb > 0 or row >= tile["row_first"]) and (cb < blocks - 1 or row < tile["row_end"])
            for cb in range(blocks) for row in range(tile["rows"])
        )  # fmt: skip
        others = ob * registers["mac_kh"]["count"] * registers["mac_kw"]["count"]
        reads = registers["mac_y"]["count"] * registers["mac_x"]["count"]
        form = registers["mac_format"]
        uniform = "uniform8" if form["bits"] > 4 else "uniform4"
        name = (uniform, "subset", "pwlq")[form["format"]]
        tiles = tile_count(registers)
        found["weight_swaps"] = tiles * machine.size
        found["weight_decodes"] = tile["rows"] * tiles * machine.size
        found["accumulations"] = found["acc_writes"] * machine.size
        found[f"macs_{name}"] = rows * others * reads * machine.size
        found["array_cycles"] = found["act_reads"]
    if item.name == "RQ":
        if item["pwlq"] and not item["act_terms"] & 1:
            found["acc_reads"] += found["act_writes"]
            found["merges"] = found["act_writes"] * machine.size
        found["requantizations"] = found["act_writes"] * machine.size
        found["requantize_terms"] = found["requantizations"] * registers["vec_kx"]["count"]
    if item.name == "VEC":
        op = VEC_OPS[item["op"]]
        found[f"vector_{op}"] = found["act_reads"] * machine.size
        if op == "add":
            found["requantizations"] = found["act_writes"] * machine.size
            found["requantize_terms"] = found["requantizations"]
    found["fetch_bytes"] = 16
    return +found


@pytest.mark.parametrize("name", ["nano", "base"])
def test_counts_are_what_is_enumerated(name):
    machine = Machine.load(name)
    for seed in range(25):
        program, _ = random_program(random.Random(seed), machine, 12)
        counts = event_counts(time_program(program)[0])
        files = RegisterFile()
        for pc, item in enumerate(program.instructions):
            registers = {}
            if item.name == "CFG":
                files.configure(item)
            elif item.engine != "FETCH":
                registers = files.of(item.engine)
            found = {key: value for key, value in counts.total(pc, 1).items() if value}
            expected = {"fetch_bytes": 16}
            if registers:
                expected = dict(enumerated(item, registers, machine))
            assert found == expected, f"seed {seed}, pc {pc}: {item}"
