"""Activations in one arena: nothing that is still read is written over, views stay views."""

from __future__ import annotations

import numpy as np

from npusim.prepared.arena import _owner, in_one_arena
from npusim.prepared.plan import Layer


def random_run(rng: np.random.Generator) -> tuple[list[np.ndarray], list[Layer], set[int]]:
    """Return values by slot, layers that read and write them, and the slots that stay."""
    values = [np.zeros(int(rng.integers(1, 300)), np.uint8)]
    layers = []
    for _ in range(int(rng.integers(2, 12))):
        sources = tuple(sorted({int(s) for s in rng.integers(0, len(values), 2)}))
        target = len(values)
        if rng.random() < 0.25 and values[sources[0]].size % 2 == 0:
            view = values[sources[0]].reshape(2, -1)[:, ::-1]
            values.append(view[1])
        else:
            values.append(np.zeros(int(rng.integers(1, 300)), rng.choice(("u1", "f4"))))
        layers.append(Layer(lambda threads: (), sources, (target,), ()))
    return values, layers, {0, len(values) - 1}


def test_a_value_lives_until_it_is_read_for_the_last_time() -> None:
    rng = np.random.default_rng(1)
    shared = 0
    for _ in range(200):
        values, layers, own = random_run(rng)
        placed, size = in_one_arena(values, layers, own)
        for before, after in zip(values, placed, strict=True):
            assert (before.shape, before.dtype, before.strides) == (
                after.shape, after.dtype, after.strides,
            )  # fmt: skip
        for slot in own:
            assert placed[slot] is values[slot]
        contents: dict[int, np.ndarray] = {0: values[0].copy()}
        for number, layer in enumerate(layers):
            for source in layer.sources:
                np.testing.assert_array_equal(placed[source], contents[source])
            (target,) = layer.targets
            if any(_owner(values[target]) is _owner(values[s]) for s in layer.sources):
                contents[target] = placed[target].copy()  # a view, made by nobody
                continue
            placed[target][...] = number + 1
            contents[target] = placed[target].copy()
        shared += size < sum(value.nbytes for value in values if value.base is None)
    assert shared > 50


def test_a_chain_takes_the_memory_of_its_largest_pair() -> None:
    values = [np.zeros(n, np.uint8) for n in (64, 640, 128, 1280, 64, 64)]
    layers = [Layer(lambda threads: (), (i,), (i + 1,), ()) for i in range(5)]
    _, size = in_one_arena(values, layers, {0, 5})
    assert size == 128 + 1280


def test_views_of_what_stays_stay() -> None:
    x = np.zeros((4, 8), np.int8)
    values = [x, x.reshape(-1), np.zeros(8, np.int8)]
    layers = [Layer(lambda threads: (), (0,), (1,), ()), Layer(lambda threads: (), (1,), (2,), ())]
    placed, size = in_one_arena(values, layers, {0, 2})
    assert placed[1] is values[1]
    assert size == 0
