"""Schemes: names, bits, families and colours."""

from __future__ import annotations

import re

import numpy as np
import pytest

from npusim.codes import CODES, SUBSET
from npusim.codes.schemes import (
    BY_NAME,
    COLOURED,
    SCHEME_BITS,
    SCHEMES,
    code_of,
    colour_rules,
    family,
)
from npusim.codes.subset import UNIVERSAL_MAGNITUDES
from npusim.quant.encoders.subset import LOG2_MAGNITUDES


def test_the_schemes_are_those_of_the_papers_and_their_compositions():
    assert SCHEME_BITS == {
        "uniform": (2, 8), "wes": (2, 8), "pwlq": (2, 8), "subset": (2, 4), "lut": (2, 4),
        "pwlq_double": (2, 4),
        "log2": (2, 3), "multipoint": (2, 8), "subset+wes": (2, 4), "log2+wes": (2, 3),
        "multipoint+subset": (2, 4), "multipoint+pwlq": (2, 8),
    }  # fmt: skip


def test_every_code_is_a_scheme_of_its_own_name():
    for code in CODES:
        assert BY_NAME[code.name].code is code
        assert code.name in SCHEMES


def test_log2_is_subset_of_powers_of_two():
    assert code_of("log2") is SUBSET
    assert "log2" not in SCHEMES
    assert set(LOG2_MAGNITUDES) <= set(UNIVERSAL_MAGNITUDES)
    assert len(LOG2_MAGNITUDES) >= SUBSET.level_count(BY_NAME["log2"].most_bits)


@pytest.mark.parametrize("scheme", ["wes", "multipoint"])
def test_shift_scaled_weights_and_points_are_uniform_codes(scheme):
    (plane,) = code_of(scheme).decode(np.arange(16, dtype=np.uint8), 4)
    assert plane.tolist() == [*range(8), *range(-8, 0)]


def test_a_variant_wears_the_colour_of_its_scheme():
    assert [family(name) for name in ("uniform-layer", "subset+wes", "multipoint-2", "log2")] == [
        "uniform", "subset", "multipoint", "log2",
    ]  # fmt: skip
    assert family("unchanged") == "unchanged"


def test_every_family_has_a_colour_of_its_own_on_light_and_on_dark_paper():
    light, dark = (
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", part))
        for part in colour_rules().split("@media")
    )
    for colours in (light, dark):
        assert set(colours) == set(COLOURED)
        assert len(set(colours.values())) == len(COLOURED)
