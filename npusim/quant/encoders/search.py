"""Better codes for a layer whose operands are known: starts, spaces and grids for `choose`.

`improve` takes what a nearest encoder found and returns codes of the same form (scheme, points,
magnitudes) with less output error. What a scheme chooses for a whole layer (a subset, a shared
scale, shifts, numbers of points) its own page searches, by calling this one for each candidate.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from npusim.codes import UNIFORM
from npusim.codes.schemes import code_of
from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, planes_of_codes
from npusim.quant.encoders.choose import dot, encode_channels, gradient
from npusim.quant.encoders.factor import damped, root

MOST_LEVELS = 1 << 12
"""Sums of several points have more levels than this from 4 points of 4 bits on; nearest is kept."""
CHANNELS_A_JOB = 16


@dataclass(frozen=True, eq=False)
class Effort:
    """How long to look.

    Attributes
    ----------
    starts
        Starting scales as shares of the nearest encoder's.
    rounds
        Turns of codes and refit from each start, at most.
    sweeps
        Of descent over a channel's weights, at most.
    fed_back
        Whether descent begins with error feedback, or with the nearest levels.
    joint
        Whether what a layer shares is searched, or taken from the nearest encoder.
    """

    starts: tuple[float, ...] = (1.0, 0.85, 0.7, 0.55)
    rounds: int = 4
    sweeps: int = 20
    fed_back: bool = True
    joint: bool = True

    def quick(self) -> Effort:
        """Return a shorter look, to tell candidates apart."""
        return replace(self, starts=(1.0, 0.75), rounds=2, sweeps=8, joint=False)


@dataclass(frozen=True, eq=False)
class Spaces:
    """The output errors of channels, one space for those of the same operands.

    Attributes
    ----------
    order : int64 [S K]
        The weights in rising order of H_kk.
    h : float64 [S K K]
        Second moments, rows and columns in that order.
    ratios : float64 [S K K]
        L_jk / L_kk at [j, k], h = L L'.
    left : float64 [S K]
        L_kk^2: what is left of H_kk where the weights before k undo what they can of its error.
    """

    order: NDArray[np.int64]
    h: NDArray[np.float64]
    ratios: NDArray[np.float64]
    left: NDArray[np.float64]


def spaces(second: NDArray[np.float64], damping: float) -> Spaces:
    """Return the spaces of `second` [S K K] with `damping` times each mean diagonal added."""
    order = np.argsort(np.diagonal(second, axis1=1, axis2=2), axis=1, kind="stable")
    h, ratios, left = np.empty_like(second), np.empty_like(second), np.empty(second.shape[:2])
    for s, one in enumerate(second):
        h[s] = damped(one, damping)[np.ix_(order[s], order[s])]
        upper = h[s].copy()
        root(upper)
        pivots = np.diag(upper)
        ratios[s] = (np.triu(upper) / pivots[:, None]).T
        left[s] = pivots * pivots
    return Spaces(order, h, ratios, left)


@kernel
def output_errors(
    errors: NDArray, order: NDArray, h: NDArray, space_of: NDArray, total: NDArray
) -> None:
    """Write e' H e of each channel's weight errors [C K] to `total` [C]."""
    taps = errors.shape[1]
    sorted_errors, pulled, none = np.zeros(taps), np.zeros(taps), np.zeros(taps)
    for c in range(len(errors)):
        s = space_of[c]
        for k in range(taps):
            sorted_errors[k] = errors[c, order[s, k]]
        gradient(h[s], none, sorted_errors, pulled)
        total[c] = dot(sorted_errors, pulled)


def grid(coded: CodedWeights, points: int) -> tuple[NDArray, NDArray[np.float64]] | None:
    """Return the codes [P L] and planes [P F L] of every level of `points` points, or None.

    Two's complement leaves out its least value, as the nearest encoders do.
    """
    code = code_of(coded.scheme)
    codes = np.arange(1 << code.stored_bits(coded.bits), dtype=code.dtype(coded.bits))
    planes = planes_of_codes(coded, codes)
    if code is UNIFORM:
        kept = planes[0] >= -((1 << (coded.bits - 1)) - 1)
        codes, planes = codes[kept], planes[:, kept]
    if len(codes) ** points > MOST_LEVELS:
        return None
    columns = np.array(list(product(range(len(codes)), repeat=points))).T
    every = planes[:, columns].transpose(1, 0, 2).reshape(points * len(planes), -1)
    return codes[columns], every.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Problem:
    """Weights that a layer should have, and how errors of them matter.

    Attributes
    ----------
    targets : float64 [OC K]
    spaces
        What errors of weights do to outputs.
    space_of : int64 [OC]
        Which space each channel lies in.
    effort
        How long to look.
    threads
        Cores to use; the result does not depend on it.
    """

    targets: NDArray[np.float64]
    spaces: Spaces
    space_of: NDArray[np.int64]
    effort: Effort
    threads: int

    def errors(self, real: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the output error [OC] of weights `real` [OC K]."""
        total = np.zeros(len(self.targets))
        output_errors(self.targets - real, self.spaces.order, self.spaces.h, self.space_of, total)
        return total

    def part(self, channels: NDArray[np.int64]) -> Problem:
        """Return the problem of some channels alone."""
        return replace(self, targets=self.targets[channels], space_of=self.space_of[channels])

    def improve(
        self,
        coded: CodedWeights,
        *,
        extra_starts: NDArray[np.float64] | None = None,
        held: bool = False,
    ) -> tuple[CodedWeights, NDArray[np.float64]]:
        """Return codes of at most the output error that `coded` has, and the errors [OC].

        Scales are refitted channel by channel.

        Parameters
        ----------
        coded
            Codes and scales to begin with.
        extra_starts : float64 [R F OC]
            Scales to begin with besides the shares of `coded`'s own.
        held
            The scales stay as they are, and the codes of `coded` are no candidate.
        """
        first_row = np.concatenate([[0], np.cumsum(coded.points)])
        codes, scales = coded.codes.copy(), coded.scales.copy()
        errors = self.errors(coded.real())
        chosen = np.flatnonzero(coded.scales.max(axis=0) > 0)
        shares = np.array((1.0,) if held else self.effort.starts)

        def job(own: NDArray[np.int64], levels: tuple[NDArray, NDArray[np.float64]]) -> None:
            level_codes, planes = levels
            used = len(planes)
            best = np.ascontiguousarray(scales[:used, own].T)
            starts = best[:, None, :] * shares[None, :, None]
            if extra_starts is not None:
                extra = extra_starts[:, :used, own].transpose(2, 0, 1)
                starts = np.concatenate([starts, extra], axis=1)
            columns = np.full((len(own), self.targets.shape[1]), -1, np.int64)
            least = np.full(len(own), np.inf) if held else errors[own]
            effort, spaces = self.effort, self.spaces
            encode_channels(
                self.targets[own], self.space_of[own], spaces.order, spaces.h, spaces.ratios,
                planes, np.ascontiguousarray(starts), effort.fed_back, not held,
                effort.rounds, effort.sweeps, columns, best, least,
            )  # fmt: skip
            for i in np.flatnonzero(columns[:, 0] >= 0):
                c = own[i]
                codes[first_row[c] : first_row[c + 1]] = level_codes[:, columns[i]]
                scales[:used, c] = best[i]
                errors[c] = least[i]

        jobs = []
        for points in sorted({int(p) for p in coded.points[chosen]}):
            levels = grid(coded, points)
            if levels is not None:
                here = chosen[coded.points[chosen] == points]
                jobs += [(here[i : i + CHANNELS_A_JOB], levels)
                         for i in range(0, len(here), CHANNELS_A_JOB)]  # fmt: skip
        if len(jobs) < 2 or self.threads < 2:
            for arguments in jobs:
                job(*arguments)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                for done in [pool.submit(job, *arguments) for arguments in jobs]:
                    done.result()
        return replace(coded, codes=codes, scales=scales), errors
