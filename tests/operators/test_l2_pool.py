"""l2_pool: floats equal LiteRT's to a few units in the last place."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    kernel, stride = [[draw.between(1, 3) for _ in "hw"] for _ in range(2)]
    sizes, same = [draw.between(k, k + 5) for k in kernel], draw.flag()
    x = draw.plain((draw.between(1, 2), *sizes, draw.between(1, 9)), "float32")
    triples = zip(sizes, kernel, stride, strict=True)
    extents = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in triples]
    y = draw.plain((x.shape[0], *extents, x.shape[3]), "float32")
    chosen = options(
        "Pool2DOptions", filterHeight=kernel[0], filterWidth=kernel[1], strideH=stride[0],
        strideW=stride[1], padding=0 if same else 1, fusedActivationFunction=draw.pick([0, 1, 3]),
    )  # fmt: skip
    compare(Layer("L2_POOL_2D", [x], [y], chosen, [draw.array(x, -4, 4)]), ulp=4)
