"""The knapsack's front against every selection of small problems."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from npusim.analysis.knapsack import front


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_that_of_every_selection(seed: int) -> None:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 5, size=4)
    costs = [draw.integers(1, 9, size=n).tolist() for n in sizes]
    losses = [draw.integers(0, 6, size=n).tolist() for n in sizes]
    every = list(product(*(range(n) for n in sizes)))

    def total(values: list[list[int]], picks: tuple[int, ...]) -> int:
        return sum(own[i] for own, i in zip(values, picks, strict=True))

    found = front(costs, losses)
    for limit in range(1, 40):
        within = [total(losses, picks) for picks in every if total(costs, picks) <= limit]
        picks = found.within(limit)
        assert (picks is None) == (not within)
        if picks is not None:
            chosen = tuple(int(i) for i in picks)
            assert total(costs, chosen) <= limit
            assert total(losses, chosen) == min(within)


def test_a_choice_that_cannot_be_had_is_never_picked() -> None:
    picks = front([[float("inf"), 3.0], [1.0, 2.0]], [[0.0, 5.0], [4.0, 1.0]]).within(100)
    assert picks is not None
    assert picks.tolist() == [1, 1]
