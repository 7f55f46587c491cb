"""One choice an item, of least value lost within a cost: the multiple-choice knapsack, exactly.

Items are taken in order; of all sums so far only those stay that no other beats in cost and loss.
What is left at the end is the whole front from the cheapest selection to the best one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Front:
    """Selections that none beats: `costs` [F] rising, `losses` [F] falling, `picks` [F items]."""

    costs: NDArray[np.float64]
    losses: NDArray[np.float64]
    picks: NDArray[np.int64]

    def within(self, limit: float) -> NDArray[np.int64] | None:
        """Return the choice of each item of least loss at a cost of at most `limit`, or None."""
        place = int(np.searchsorted(self.costs, limit, side="right")) - 1
        return None if place < 0 else self.picks[place]


def front(costs: Sequence[Sequence[float]], losses: Sequence[Sequence[float]]) -> Front:
    """Return the front of selections of one choice an item.

    Parameters
    ----------
    costs, losses
        Of each choice of each item; sums of costs are exact where they are whole numbers.
    """
    total, lost = np.zeros(1), np.zeros(1)
    steps: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for cost, loss in zip(costs, losses, strict=True):
        own_costs, own_losses = np.asarray(cost, np.float64), np.asarray(loss, np.float64)
        every = (total[:, None] + own_costs).ravel()
        every_lost = (lost[:, None] + own_losses).ravel()
        order = np.lexsort((every_lost, every))
        least = np.minimum.accumulate(every_lost[order])
        kept = order[np.concatenate([[True], every_lost[order][1:] < least[:-1]])]
        total, lost = every[kept], every_lost[kept]
        steps.append((kept // len(own_costs), kept % len(own_costs)))
    picks = np.zeros((len(total), len(steps)), np.int64)
    here = np.arange(len(total))
    for item in range(len(steps) - 1, -1, -1):
        before, choice = steps[item]
        picks[:, item], here = choice[here], before[here]
    return Front(total, lost, picks)
