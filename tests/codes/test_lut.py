"""lut: a code is the index of a level, a layer's levels any integers of 8 bits."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.codes import LUT
from npusim.codes.lut import table
from npusim.errors import RangeError
from npusim.machines import Machine


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_code_is_worth_the_level_at_its_place(bits: int) -> None:
    rng = Random(bits)
    levels = tuple(sorted(rng.sample(range(-128, 128), 1 << bits)))
    (plane,) = LUT.decode(np.arange(1 << bits, dtype=np.uint8), bits, levels)
    assert plane.tolist() == [*levels]
    assert (LUT.stored_bits(bits), LUT.element(bits), LUT.forms) == (bits, "lut", (1,))


@pytest.mark.parametrize(("level", "zero"), [(0, True), (1, False)])
def test_whether_a_layer_has_a_zero_is_its_levels_choice(level: int, zero: bool) -> None:
    assert LUT.has_zero(2, (-128, level, 5, 127)) is zero


def test_registers_hold_four_levels_each_the_first_lowest() -> None:
    words = LUT.level_words((-128, 127, -1, 0, 1))
    assert [f"{word:08x}" for word in words] == ["00ff7f80", "00000001", "00000000", "00000000"]
    assert len(words) == len(LUT.level_registers)
    rng = Random(7)
    for _ in range(100):
        levels = tuple(rng.choice((-128, 127, rng.randint(-128, 127))) for _ in range(16))
        assert LUT.levels_of_words(LUT.level_words(levels)) == levels


@pytest.mark.parametrize("level", [-129, 128])
def test_a_level_beyond_8_bits_is_refused(level: int) -> None:
    with pytest.raises(RangeError, match=f"lut level: expected -128..127, found {level}"):
        table((0, level))


def test_levels_of_another_number_are_refused() -> None:
    with pytest.raises(RangeError, match="lut levels: expected 8 at 3 bits, found 4"):
        LUT.table(3, (0, 1, 2, 3))


def test_it_is_built_in_beside_the_multiplier_it_uses() -> None:
    base = Machine.load("base")
    assert base.most_bits(LUT) == 0
    built = base.with_({"array.formats": ["uniform8", "lut"]})
    assert (built.most_bits(LUT), built.parameters["LUT"], built.runs("lut")) == (4, 1, True)
    for formats in (["lut"], ["uniform4", "subset", "lut"]):
        with pytest.raises(RangeError, match="lut needs the multiplier of uniform8, found"):
            base.with_({"array.formats": formats})
