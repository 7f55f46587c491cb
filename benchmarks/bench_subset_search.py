"""Time the exhaustive subset search over weights of ResNet-50's shapes, and check a sample of it.

python -m benchmarks.bench_subset_search
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from npusim.quant.encoders import subset

BLOCKS = ((64, 3), (128, 4), (256, 6), (512, 3))
BITS = 4
SAMPLE = 2000
"""Weights of the layers on which the plain search is run as well."""


def resnet50_shapes() -> list[tuple[int, int]]:
    """Return [OC, K] of the stem, the 52 further convolutions and the dense layer."""
    shapes, channels = [(64, 3 * 49)], 64
    for width, count in BLOCKS:
        for block in range(count):
            shapes += [(width, channels), (width, width * 9), (4 * width, width)]
            if block == 0:
                shapes.append((4 * width, channels))
            channels = 4 * width
    return [*shapes, (1000, channels)]


def main() -> None:
    random = np.random.default_rng(0)
    subset.encode(random.normal(size=(2, 10)), BITS)
    shapes, seconds, slowest = resnet50_shapes(), 0.0, 0.0
    for shape in shapes:
        weights = random.laplace(size=shape) * np.exp(random.normal(size=(shape[0], 1)))
        start = perf_counter()
        subset.encode(weights, BITS)
        spent = perf_counter() - start
        seconds, slowest = seconds + spent, max(slowest, spent)
    count = sum(a * b for a, b in shapes)
    print(
        f"{len(shapes)} layers, {count / 1e6:.1f} M weights, {len(subset.candidates(BITS))} "
        f"subsets each: {seconds:.1f} s on one thread, slowest layer {slowest:.1f} s"
    )
    sizes = np.abs(random.laplace(size=SAMPLE))
    sizes /= sizes.max()
    fast, plain = subset.search(sizes, BITS), subset.search_plain(sizes, BITS)
    same = fast[0] == plain[0] and np.allclose(fast[1:], plain[1:], rtol=1e-9)
    print(f"plain search on {SAMPLE} weights: {'the same' if same else 'DIFFERENT'}, {fast[0]}")


if __name__ == "__main__":
    main()
