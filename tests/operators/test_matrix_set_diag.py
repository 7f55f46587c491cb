"""matrix_set_diag: every value equals LiteRT's, matrices wider and higher than square too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npusim.errors import ShapeError

from .litert_cases import ALL_TYPES, Draw, Layer, build, compare, network, random_layers


def layer(draw: Draw, off: int = 0) -> Layer:
    x = draw.any_value(draw.shape(2, 4, 5), [t for t in ALL_TYPES if t != "bool"])
    diagonal = replace(x, shape=(*x.shape[:-2], min(x.shape[-2:]) + off))
    arrays = [draw.array(value) for value in (x, diagonal)]
    return Layer("MATRIX_SET_DIAG", [x, diagonal], [x], None, arrays)


@random_layers
def test_equals_litert(draw: Draw) -> None:
    compare(layer(draw))


def test_another_diagonal_is_refused() -> None:
    with pytest.raises(ShapeError, match="do not fit matrices"):
        network(build(layer(Draw(0), off=1)))
