"""conv2d: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

from .three_kernels import equals_litert

test_random_layers = equals_litert("CONV_2D", "DEPTHWISE_CONV_2D")
