"""hard_swish: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

from .three_kernels import equals_litert

test_random_layers = equals_litert("HARD_SWISH")
