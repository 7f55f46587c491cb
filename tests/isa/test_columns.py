"""Which registers an instruction sees."""

from __future__ import annotations

from npusim.isa.columns import columns_of
from npusim.isa.encoding import encode_program, find_register, instruction


def test_a_start_clears_the_registers_of_the_run_before():
    index = find_register("EP", "add_multiplier0").index
    configure = instruction("CFG", "EP", index=index, value0=7)
    vec, halt = instruction("VEC", "EP"), instruction("HALT", "FETCH")
    program = [vec, configure, vec, halt, vec, configure, vec]
    seen = columns_of(encode_program(program)).groups["VEC"].registers["add_multiplier0"]
    assert seen["value"].tolist() == [0, 7, 0, 7]
