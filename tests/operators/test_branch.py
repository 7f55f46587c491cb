"""branch: a condition that is computed takes the subgraph that LiteRT takes."""

from __future__ import annotations

from .called_cases import chosen, equals_litert
from .litert_cases import Draw, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    equals_litert(*chosen(draw))
